"""Context as data: headers, locators, fields, rules, codecs and limits; pure, no I/O, no clock, no logging."""
