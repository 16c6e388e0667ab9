/*
 * How two legs hear each other. Where both have the same codec, packets are passed on as they came (relay.c); else the
 * conference bridge decodes and encodes. Which of both is found out anew by each join.
 */
#ifndef GATEWAY_RELAY_HPP
#define GATEWAY_RELAY_HPP

#include <pjsua-lib/pjsua_internal.h>
extern "C" {
#include "relay.h"
}

/* The media line that has a call's audio, on hold or not; NULL while there is no stream. */
static const pjsua_call_media *audioOf(const pjsua_call *call)
{
    for (unsigned i = 0; call && !call->hanging_up && i < call->med_cnt; ++i) {
        const pjsua_call_media *media = &call->media[i];
        if (media->type == PJMEDIA_TYPE_AUDIO && media->strm.a.stream && media->strm.a.conf_slot != PJSUA_INVALID_ID)
            return media;
    }
    return NULL;
}

/* Let the bridge connect this audio with nobody. It does so in its next frame, in the order it was asked. */
static void disconnectBridge(const pjsua_call_media *media)
{
    pjmedia_conf_disconnect_port_from_sources(pjsua_var.mconf, media->strm.a.conf_slot);
    pjmedia_conf_disconnect_port_from_sinks(pjsua_var.mconf, media->strm.a.conf_slot);
}

static bool connectBridge(const pjsua_call_media *one, const pjsua_call_media *other)
{
    const int slot = one->strm.a.conf_slot, others = other->strm.a.conf_slot;
    return pjsua_conf_connect(slot, others) == PJ_SUCCESS && pjsua_conf_connect(others, slot) == PJ_SUCCESS;
}

#endif
