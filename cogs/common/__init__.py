"""What several cogs share: delivery, cards, buttons, sources, visibility, errors, languages."""
