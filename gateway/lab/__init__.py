"""Stand-ins for a PBX and for Twilio on loopback, and the demo that calls through them."""
