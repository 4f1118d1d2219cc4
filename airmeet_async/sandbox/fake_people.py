# ruff: noqa: RUF001  (names in many scripts look like Latin letters to the linter)
"""Fictional people, with the faults that real lists have; none of them is meant to be real.

What is wrong with which row follows from its number alone, so `staged` can say
beforehand what a run over them must report.
"""

import random
from collections import Counter
from collections.abc import Iterator
from typing import Final

from attrs import field, frozen

DOMAINS: Final = ("example.com", "example.org", "example.net")  # reserved: nobody can own them
PERIOD: Final = 100
BACK: Final = 7  # a duplicate repeats the row that many before it, which is always a plain one


# What is wrong with a row: it has the address of an earlier one, letter by letter or in other case, or none at all.
_KINDS: Final = {17: "repeated", 42: "recased", 58: "invalid", 83: "invalid"}


@frozen
class Staged:
    """How many of the first n fictional people are of which kind.

    Attributes:
        rows: All of them.
        valid: Different people that can be registered.
        duplicates: Rows with the address of an earlier row, in any case.
        invalid: Rows whose address is none.
    """

    rows: int
    valid: int
    duplicates: int
    invalid: int


def staged(n: int) -> Staged:
    """Return what is staged among the first n people, whatever the seed."""
    counts = Counter(kind_of(row) for row in range(n))
    duplicates = counts["repeated"] + counts["recased"]
    return Staged(rows=n, valid=counts["plain"], duplicates=duplicates, invalid=counts["invalid"])


def kind_of(row: int) -> str:
    """Return the kind of a row, counted from 0."""
    return _KINDS.get(row % PERIOD, "plain")


def invent_people(n: int, seed: int = 0) -> Iterator[dict[str, str]]:
    """Invent people, one by one.

    Args:
        n: Number of rows.
        seed: The same seed gives the same people.

    Yields:
        Rows with ``email``, ``first_name``, ``last_name``, ``organisation``, ``designation``, ``city``, ``country``.
    """
    draw = random.Random(seed)
    for row in range(n):
        culture = CULTURES[draw.randrange(len(CULTURES))]
        first, last = draw.choice(culture.first), draw.choice(culture.last)
        employer = draw.choice((culture.employer,))
        yield {
            "email": _email(row, seed),
            "first_name": LONG_FIRST if row % 61 == 30 else first,
            "last_name": LONG_LAST if row % 67 == 35 else last,
            "organisation": LONG_EMPLOYER if row % 53 == 25 else employer,
            "designation": culture.work,
            "city": culture.city,
            "country": culture.country,
        }


def _email(row: int, seed: int) -> str:
    match kind_of(row):
        case "repeated":
            return _address(row - BACK, seed)
        case "recased":
            local, _, domain = _address(row - BACK, seed).partition("@")
            return f"{local.upper()}@{domain.title()}"
        case "invalid":
            forms = ("no-at-{}.example.org", "two spaces {}@example.com", "double..dots.{}@example.net", "", "{}@")
            return forms[row // PERIOD % len(forms)].format(row)
    return _address(row, seed)


def _address(row: int, seed: int) -> str:
    local = ("guest{}", "first.last.{}", "o'neil.{}", "news+{}", "under_score-{}", "Mixed.Case.{}")[row % 6]
    return f"{local.format(f'{seed}.{row}')}@{DOMAINS[row % len(DOMAINS)]}"


def fake_person(number: int) -> dict[str, str]:
    """Return the fields of an add, without the address: of somebody in the sandbox from the start, or of a crowd."""
    culture = CULTURES[number % len(CULTURES)]
    turn = number // len(CULTURES)
    return {
        "firstName": culture.first[turn % len(culture.first)],
        "lastName": culture.last[turn // len(culture.first) % len(culture.last)],
        "city": culture.city,
        "country": culture.country,
        "organisation": culture.employer,
        "designation": culture.work,
    }


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


@frozen
class Culture:
    """What the people of one place are called.

    Attributes:
        first: First names.
        last: Last names.
        city: Where they live.
        country: The country, in its own words.
        work: What they do.
        employer: Whom they do it for.
    """

    first: tuple[str, ...] = field(converter=_words)
    last: tuple[str, ...] = field(converter=_words)
    city: str
    country: str
    work: str
    employer: str


CULTURES: Final = (
    Culture("Ada Grace Alan", "O'Neil Smith-Jones Baker", "Bristol", "United Kingdom", "Engineer", "Acme & Sons Ltd"),
    Culture("Zoë Jürgen Käthe", "Müller Groß Öztürk", "Köln", "Deutschland", "Geschäftsführerin", "Räder & Söhne GmbH"),
    Culture("Hélène Aurélie François", "Lefèvre D'Été Çelik", "Besançon", "France", "Ingénieure", "Société Générée"),
    Culture("Łukasz Żaneta Świętosława", "Wójcik Gżegżółka Dąb", "Łódź", "Polska", "Księgowy", "Żółw i Spółka"),
    Culture("Iñigo Begoña Núria", "Muñoz Peña Güell", "Logroño", "España", "Diseñadora", "Compañía del Año"),
    Culture("Søren Åse Ægir", "Ødegård Þórsson Ångström", "Tromsø", "Norge", "Rådgiver", "Fjord & Ø AS"),
    Culture("Nguyễn Trần Phượng", "Đặng Vũ Hoàng", "Đà Nẵng", "Việt Nam", "Kỹ sư", "Công ty Ánh Dương"),
    Culture("Олена Юрій Їжакевич", "Шевчук Ґудзь Щербак", "Київ", "Україна", "Інженерка", "Товариство «Ранок»"),
    Culture("Ελένη Γιώργος Χλόη", "Παπαδόπουλος Ωραίου Ψάλτης", "Αθήνα", "Ελλάδα", "Αρχιτέκτονας", "Ηλιαχτίδα ΑΕ"),
    Culture("فاطمة يوسف ليلى", "الحسن المنصوري القاسم", "القاهرة", "مصر", "مهندسة", "شركة الشروق"),
    Culture("נועה אורי תמר", "כהן לוי מזרחי", "חיפה", "ישראל", "מהנדסת", "בוקר טוב בע״מ"),
    Culture("आरती क्षितिज ज्ञानेश", "शर्मा त्रिपाठी श्रीवास्तव", "वाराणसी", "भारत", "अभियंता", "उषा प्रौद्योगिकी"),
    Culture("கயல்விழி முருகன் யாழினி", "செல்வம் பாண்டியன் நடராஜன்", "மதுரை", "இந்தியா", "பொறியாளர்", "விடியல் நிறுவனம்"),
    Culture("小明 雪梅 伟", "王 欧阳 李", "成都", "中国", "工程师", "晨光科技有限公司"),
    Culture("さくら 健太郎 ユキ", "髙橋 渡邊 佐藤", "札幌", "日本", "エンジニア", "株式会社あけぼの"),
    Culture("지우 하윤 서준", "김 남궁 이", "부산", "대한민국", "개발자", "새벽 주식회사"),
    Culture("สมชาย กัญญา ปิยะ", "ศรีสุข ใจดี วงศ์ไทย", "เชียงใหม่", "ประเทศไทย", "วิศวกร", "บริษัท รุ่งอรุณ"),
    Culture("ნინო გიორგი თამარ", "ბერიძე კაპანაძე ლომიძე", "თბილისი", "საქართველო", "ინჟინერი", "დილა"),
    Culture("አበበ ሰላም ትዕግስት", "ተስፋዬ ወርቁ ኃይሉ", "አዲስ አበባ", "ኢትዮጵያ", "መሐንዲስ", "ንጋት"),
    Culture("Sunny🌞 👩‍🚀Nova Zed", "Star⭐ 🦄 Moon", "Emoji City 🏙️", "🇺🇳", "Chief 🎉 Officer", "Rocket 🚀 Labs"),
)

LONG_FIRST: Final = "Maximiliane-Wilhelmina-Theodora-Josefina"  # over 35 characters
LONG_LAST: Final = "Wolfeschlegelsteinhausenbergerdorff-Featherstonehaugh"  # over 35 characters
LONG_EMPLOYER: Final = (  # over 70 characters
    "International Association for the Careful Naming of Very Long-Winded Organisations, Limited"
)
