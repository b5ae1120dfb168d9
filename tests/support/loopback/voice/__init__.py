"""The voice half of the loopback: gateway version 8, UDP, RTP and DAVE, from the public protocol.

`calls.Calls` is the switchboard (who is in which channel, on which voice server), `server` one
voice server, `udp` its port, `rtp` what is inside a datagram, `dave` the delivery service of the
end-to-end encryption, `heard` the ear that checks what came.
"""
