"""The only place with pjsua2: endpoint, accounts, legs, media."""
