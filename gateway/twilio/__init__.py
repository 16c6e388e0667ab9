"""What exists on Twilio's side besides SIP: answers its webhooks and places calls through its REST API."""
