/*
 * The clock of the conference bridge rests while nobody needs a frame (rest.c).
 */
#ifndef GATEWAY_REST_H
#define GATEWAY_REST_H

#include <pj/types.h>

PJ_BEGIN_DECL

/* Ask for the next frame of the bridge at its time, and not when the clock has rested. From any thread; each frame that is
 * needed is asked for. */
PJ_DECL(void) pjmedia_clock_want(void);

PJ_END_DECL

#endif
