"""A stand-in for Twilio's Programmable Voice over SIP: takes and places calls, posts webhooks, does what TwiML says."""
