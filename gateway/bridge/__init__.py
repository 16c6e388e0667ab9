"""The life of one call, as pure logic: events in, commands out."""
