"""The SIP stack: the only place with pjsua2. Nothing of pjsua2 leaves this package."""
