"""The REST half of the loopback: one module a family of routes, `router` in front of them."""
