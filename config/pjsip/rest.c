/*
 * A clock that rests. Streams that pass packets on (relay.c) need a frame of the bridge for nothing but the time of RTCP, so
 * that a process whose calls all do so would wake up 50 times a second, and look at each leg, for nothing. Part of
 * pjmedia/src/pjmedia/clock_thread.c (see rest.patch).
 *
 * Whoever needs a frame asks for it: a stream whose audio is the bridge's, a connection that is there or shall be, a digit.
 * Else the clock rests for REST_MSEC, and the time of what it left out is counted as if it had ticked. There is one such
 * clock in a process.
 */
#include <pthread.h>
#include <time.h>
#include "rest.h"

#define REST_MSEC   100

static struct
{
    pthread_mutex_t mutex;
    pthread_cond_t asked;
    pj_bool_t wanted;       /* Since the last frame, somebody asked for the next one. */
    pj_bool_t resting;
} rest = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, PJ_FALSE, PJ_FALSE };

PJ_DEF(void) pjmedia_clock_want(void)
{
    pthread_mutex_lock(&rest.mutex);
    rest.wanted = PJ_TRUE;
    if (rest.resting)
        pthread_cond_signal(&rest.asked);
    pthread_mutex_unlock(&rest.mutex);
}

/* Wait until a frame is wanted, for as long as a clock rests at most. False if it was wanted already. */
static pj_bool_t rest_until_wanted(void)
{
    struct timespec end;
    pj_bool_t rests;

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_nsec += REST_MSEC * 1000000L;
    end.tv_sec += end.tv_nsec / 1000000000L;
    end.tv_nsec %= 1000000000L;

    pthread_mutex_lock(&rest.mutex);
    rest.resting = rests = !rest.wanted;
    while (!rest.wanted && pthread_cond_clockwait(&rest.asked, &rest.mutex, CLOCK_MONOTONIC, &end) == 0)
        ;
    rest.resting = rest.wanted = PJ_FALSE;
    pthread_mutex_unlock(&rest.mutex);
    return rests;
}

/* After a frame: rest if nobody needs the next one, and let the ticks of that time pass. */
static void clock_rest(pjmedia_clock *clock)
{
    pj_timestamp now;

    if (!rest_until_wanted())
        return;
    pj_get_timestamp(&now);
    while (clock->next_tick.u64 + clock->interval.u64 <= now.u64) {
        clock->next_tick.u64 += clock->interval.u64;
        clock->timestamp.u64 += clock->timestamp_inc;
    }
}
