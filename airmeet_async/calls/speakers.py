"""Speakers of an event."""

from airmeet_async.protocol import validation
from airmeet_async.protocol.base_urls import check_ids
from airmeet_async.protocol.call import Call
from airmeet_async.protocol.endpoints import SPEAKERS_ADD
from airmeet_async.protocol.models import Speaker, SpeakerAdded


def add_speaker(airmeet_id: str, speaker: Speaker) -> Call[SpeakerAdded]:
    """Add a speaker to an event. The status of the answer is ``SPEAKER_CREATED`` for a new one (B, C).

    What a second add of the same speaker does is not documented, so this is not repeated after an unclear outcome.

    Args:
        airmeet_id: The event's id.
        speaker: E-mail and name are mandatory (B).

    Raises:
        ConfigError: E-mail or name is missing.
        AmbiguousOutcomeError: There was no clear answer; the speaker may be there.
        RejectedError: Airmeet refuses it.
    """
    body = {
        "name": validation.require_text(speaker.name, "name"),
        "email": validation.require_email(speaker.email),
        "organisation": speaker.organisation,
        "designation": speaker.designation,
        "imageUrl": speaker.image_url,
        "bio": speaker.bio,
        "city": speaker.city,
        "country": speaker.country,
    }
    return Call(SPEAKERS_ADD, check_ids(airmeet_id=airmeet_id), body=validation.drop_empty(body))
