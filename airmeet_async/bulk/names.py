"""A whole name as a first and a last name. Pure, and a guess: nobody's name is split unless it was asked for."""

# Words that belong to the last name when they stand before its last word: "Anna van der Berg", "Juan de la Cruz".
_PARTICLES = """
    af al av da dal dalla das de dei del della den der di do dos du el la las le los ten ter van vom von y zu zum zur
    """
PARTICLES = frozenset(_PARTICLES.split())


def split_name(whole: str) -> tuple[str, str]:
    """Return first and last name.

    The last word is the last name, with the particles before it (`PARTICLES`, in any case). The first word always is
    a first name. ``Last, First`` is turned round. A name of one word has no last name.
    """
    last, comma, first = (part.strip() for part in whole.partition(","))
    if comma and first and last and "," not in first:
        return first, last
    words = whole.split()
    if len(words) < 2:
        return whole.strip(), ""
    start = len(words) - 1
    while start > 1 and words[start - 1].casefold() in PARTICLES:
        start -= 1
    return " ".join(words[:start]), " ".join(words[start:])
