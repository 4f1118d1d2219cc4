"""What each request may carry, by hand from the help text and the other sources; grades as in `tests/contract`."""

from typing import Final

from .fields import Address, Either, Field, Flag, Form, Many, Text, Unread, Whole
from .payloads import SAMPLES

TEXT: Final = Text()
FILLED: Final = Text(filled=True)
ADDRESS: Final = Address()
FLAG: Final = Flag()
TEXTS: Final = Many(TEXT)
ADDRESSES: Final = Many(ADDRESS)
MOMENT: Final = Whole(0, 4_102_444_800_000)  # unix milliseconds (B), to the year 2100
COLOUR: Final = Text(pattern="#[0-9a-fA-F]{6}")

STATUSES: Final = ("ONGOING", "PAUSED", "FINISHED", "ARCHIVE")  # B for two, D for four
SESSION_TYPES: Final = (
    "HOSTING",  # the only one (A); the others are B
    "FLUID_LOUNGE",
    "BOOTH",
    "BREAK",
    "LARGE_CALL",
    "SPEED_NETWORKING",
    "STREAMING",
)
TRIGGER: Final = Text(one_of=tuple(SAMPLES))
ATTENDANCE: Final = ("IN-PERSON", "VIRTUAL")


def _fields(**kinds: object) -> tuple[Field, ...]:
    """Name fields; a kind in a tuple is mandatory."""
    return tuple(
        Field(name, kind[0], mandatory=True) if isinstance(kind, tuple) else Field(name, kind)  # type: ignore[arg-type]
        for name, kind in kinds.items()
    )


EVENT: Final = Form(
    _fields(
        hostEmail=(ADDRESS,),
        eventName=(FILLED,),
        shortDesc=(FILLED,),
        timing=(Form(_fields(startTime=(MOMENT,), endTime=(MOMENT,), timezone=(FILLED,))),),
        longDesc=TEXT,
        eventImage=TEXT,
        access=Text(one_of=("INVITED_ONLY", "WITH_VERIFIED_EMAIL", "WITHOUT_VERIFIED_EMAIL")),
        eventType=FILLED,
        config=Form(_fields(networking=FLAG, tableCount=Whole(0, 1000))),
    )
)
STATUS: Final = Form(_fields(status=(Text(one_of=STATUSES),)))
LANDING_PAGE: Final = Form(
    _fields(
        ambience=Text(one_of=("LIGHT", "DARK")),
        layout=Text(one_of=("CLASSIC", "MODERN")),
        highlightColor=COLOUR,
        buttonTextColor=COLOUR,
        imageUrl=TEXT,
    )
)
DUPLICATION: Final = Form(
    _fields(
        eventName=(FILLED,), startTime=(MOMENT,), timeZone=FILLED, timezone=FILLED, duplicateSpeakers=FLAG
    ),
    one_of=("timeZone", "timezone"),
)  # fmt: skip

# `payload` reads it: what is mandatory depends on the event, and long texts are cut.
ATTENDEE: Final = Form(
    _fields(
        email=(ADDRESS,),
        firstName=(FILLED,),
        lastName=(FILLED,),
        attendance_type=Unread(),  # by hybrid events only, which want one of ATTENDANCE
        city=TEXT,
        country=TEXT,
        designation=TEXT,
        organisation=TEXT,
        registerAttendee=FLAG,
        sendEmailInvite=FLAG,
        customFieldMapping=Many(Form(_fields(fieldId=(TEXT,), value=(Either(TEXT, TEXTS),)))),
    )
)
WHO: Final = Form(_fields(attendeeEmail=(ADDRESS,)))

SPEAKER: Final = Form(
    _fields(
        name=(FILLED,),
        email=(ADDRESS,),
        organisation=TEXT,
        designation=TEXT,
        imageUrl=TEXT,
        bio=TEXT,
        city=TEXT,
        country=TEXT,
    )
)
SESSION: Final = Form(
    _fields(
        sessionTitle=(FILLED,),
        sessionStartTime=(MOMENT,),
        hostEmail=(ADDRESS,),
        sessionDuration=Whole(1, 100_000),  # minutes
        sessionSummary=TEXT,
        speakerEmails=ADDRESSES,
        cohostEmails=ADDRESSES,
        type=Text(one_of=SESSION_TYPES),
        tracks=TEXTS,
        tags=TEXTS,
        boothId=TEXT,
        speedNetworkingData=Form(
            _fields(conversationTime=Whole(0, 100_000), extendNetworkingTime=Whole(0, 100_000))
        ),
        sessionMeta=Form(_fields(hideHost=FLAG)),
    )
)  # fmt: skip
BOOTH: Final = Form(
    _fields(
        name=(FILLED,),
        exhibitors=ADDRESSES,
        exhibitorInfo=Many(
            Form(_fields(email=(ADDRESS,), exhibitorAttendanceType=Text(one_of=("HYBRID", "ONLINE"))))
        ),
        tags=TEXTS,
        metaData=Form(
            _fields(chatEnabled=FLAG, loungeEnabled=FLAG, broadcastEnabled=FLAG, tableCount=Whole(0, 1000))
        ),
    )
)  # fmt: skip
WEBHOOK: Final = Form(
    _fields(name=(FILLED,), description=TEXT, triggerMetaInfoId=(TRIGGER,), url=(FILLED,), platformName=TEXT)
)
WHICH_WEBHOOK: Final = Form(
    _fields(id=FILLED, name=FILLED, triggerMetaInfoId=FILLED, url=FILLED),
    one_of=("id", "name", "triggerMetaInfoId", "url"),
)

# Queries. Their values are texts; the handlers read them.

_MOST: Final = 10**18 - 1
_NUMBER: Final = Whole(-_MOST, _MOST)
CURSORS: Final = _fields(after=_NUMBER, before=_NUMBER, size=Whole(1, _MOST))
PARTICIPANTS: Final = _fields(
    emailIds=TEXT,
    pageNumber=Whole(1, _MOST),
    resultSize=Whole(1, _MOST),
    sortingKey=Text(one_of=("name", "email", "registrationDate")),
    sortingDirection=Text(one_of=("ASC", "DESC")),
)
RECORDINGS: Final = _fields(sessionIds=TEXT)
HOOK_OF: Final = _fields(airmeetId=TEXT, sessionId=TEXT)
HOOKS_OF: Final = _fields(airmeetId=TEXT)
SAMPLE_OF: Final = _fields(triggerMetaInfoId=(TRIGGER,))
