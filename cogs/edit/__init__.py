"""/remix, /draw, /replay, /inpaint, /extend, /morph and /layer: riffs made of riffs."""
