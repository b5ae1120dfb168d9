"""`python -m riffbot`: the command, where its script is not on the path."""

from riffbot.cli import main

raise SystemExit(main())
