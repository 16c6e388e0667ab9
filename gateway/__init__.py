"""A SIP gateway between a PBX and Twilio that keeps a contract about the context of each call."""
