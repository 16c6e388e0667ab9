"""A function of the stand-in for Twilio: the same shape as one of Twilio's, in Python."""

from twilio.twiml.voice_response import VoiceResponse


def handler(context, event):
    """`context` is about the account, `event` holds the parameters of the request; returns TwiML."""
    response = VoiceResponse()
    client = response.dial().client()
    client.identity("agent")
    client.parameter(name="customer", value=event.get("SipHeader_X-CustomerID", "unknown"))
    return response
