/*
 * Requests and connections that were turned away here, before Python heard of them: how many, and where the last came
 * from.
 */
#ifndef GATEWAY_TURNED_AWAY_HPP
#define GATEWAY_TURNED_AWAY_HPP

#include <pjsua-lib/pjsua_internal.h>
#include <string>

/* Who was turned away: a stranger without an answer, one with an answer; a trunk that asked for what nobody has here, that
 * sent what cannot be read, or that speaks of a call which is not there. */
enum { SILENCED, STRANGER, UNSUPPORTED, UNREADABLE, NO_DIALOG, TURNED_AWAY_KINDS };

struct TurnedAway
{
    unsigned count;
    std::string source;
};

static TurnedAway turnedAway[TURNED_AWAY_KINDS];

static void countTurnedAway(int kind, const char *source)
{
    ++turnedAway[kind].count;
    turnedAway[kind].source = source;
}

/* Whether there were any since they were last taken. */
static bool somethingTurnedAway()
{
    for (const TurnedAway &it : turnedAway) {
        if (it.count)
            return true;
    }
    return false;
}

/* How many of this kind since the last time that this was asked. */
unsigned sipTakeTurnedAway(int kind)
{
    const unsigned count = turnedAway[kind].count;
    turnedAway[kind].count = 0;
    return count;
}

/* Where the last of this kind came from. */
std::string sipLastTurnedAway(int kind)
{
    return turnedAway[kind].source;
}

#endif
