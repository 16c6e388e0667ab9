"""What is set on a PBX besides SIP: channel variables, over the interfaces that Asterisk has for it."""
