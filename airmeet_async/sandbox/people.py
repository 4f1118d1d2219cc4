# ruff: noqa: RUF001  (names in many scripts look like Latin letters to the linter)
"""Names, places and employers to invent people from, in many scripts; none is meant to be real."""

from typing import Final

from attrs import frozen


@frozen
class Culture:
    """What the people of one place are called.

    Attributes:
        first: First names.
        last: Last names.
        city: Where they live.
        country: The country, in its own words.
        work: What they do.
        employers: Whom they do it for.
    """

    first: tuple[str, ...]
    last: tuple[str, ...]
    city: str
    country: str
    work: str
    employers: tuple[str, ...]


def _culture(first: str, last: str, city: str, country: str, work: str, *employers: str) -> Culture:
    return Culture(tuple(first.split()), tuple(last.split()), city, country, work, employers)


CULTURES: Final = (
    _culture("Ada Grace Alan", "O'Neil Smith-Jones Baker", "Bristol", "United Kingdom", "Engineer", "Acme & Sons Ltd"),
    _culture(
        "Zoë Jürgen Käthe", "Müller Groß Öztürk", "Köln", "Deutschland", "Geschäftsführerin", "Räder & Söhne GmbH"
    ),
    _culture("Hélène Aurélie François", "Lefèvre D'Été Çelik", "Besançon", "France", "Ingénieure", "Société Générée"),
    _culture("Łukasz Żaneta Świętosława", "Wójcik Gżegżółka Dąb", "Łódź", "Polska", "Księgowy", "Żółw i Spółka"),
    _culture("Iñigo Begoña Núria", "Muñoz Peña Güell", "Logroño", "España", "Diseñadora", "Compañía del Año"),
    _culture("Søren Åse Ægir", "Ødegård Þórsson Ångström", "Tromsø", "Norge", "Rådgiver", "Fjord & Ø AS"),
    _culture("Nguyễn Trần Phượng", "Đặng Vũ Hoàng", "Đà Nẵng", "Việt Nam", "Kỹ sư", "Công ty Ánh Dương"),
    _culture("Олена Юрій Їжакевич", "Шевчук Ґудзь Щербак", "Київ", "Україна", "Інженерка", "Товариство «Ранок»"),
    _culture("Ελένη Γιώργος Χλόη", "Παπαδόπουλος Ωραίου Ψάλτης", "Αθήνα", "Ελλάδα", "Αρχιτέκτονας", "Ηλιαχτίδα ΑΕ"),
    _culture("فاطمة يوسف ليلى", "الحسن المنصوري القاسم", "القاهرة", "مصر", "مهندسة", "شركة الشروق"),
    _culture("נועה אורי תמר", "כהן לוי מזרחי", "חיפה", "ישראל", "מהנדסת", "בוקר טוב בע״מ"),
    _culture("आरती क्षितिज ज्ञानेश", "शर्मा त्रिपाठी श्रीवास्तव", "वाराणसी", "भारत", "अभियंता", "उषा प्रौद्योगिकी"),
    _culture("கயல்விழி முருகன் யாழினி", "செல்வம் பாண்டியன் நடராஜன்", "மதுரை", "இந்தியா", "பொறியாளர்", "விடியல் நிறுவனம்"),
    _culture("小明 雪梅 伟", "王 欧阳 李", "成都", "中国", "工程师", "晨光科技有限公司"),
    _culture("さくら 健太郎 ユキ", "髙橋 渡邊 佐藤", "札幌", "日本", "エンジニア", "株式会社あけぼの"),
    _culture("지우 하윤 서준", "김 남궁 이", "부산", "대한민국", "개발자", "새벽 주식회사"),
    _culture("สมชาย กัญญา ปิยะ", "ศรีสุข ใจดี วงศ์ไทย", "เชียงใหม่", "ประเทศไทย", "วิศวกร", "บริษัท รุ่งอรุณ"),
    _culture("ნინო გიორგი თამარ", "ბერიძე კაპანაძე ლომიძე", "თბილისი", "საქართველო", "ინჟინერი", "დილა"),
    _culture("አበበ ሰላም ትዕግስት", "ተስፋዬ ወርቁ ኃይሉ", "አዲስ አበባ", "ኢትዮጵያ", "መሐንዲስ", "ንጋት"),
    _culture("Sunny🌞 👩‍🚀Nova Zed", "Star⭐ 🦄 Moon", "Emoji City 🏙️", "🇺🇳", "Chief 🎉 Officer", "Rocket 🚀 Labs"),
)

LONG_FIRST: Final = "Maximiliane-Wilhelmina-Theodora-Josefina"  # over 35 characters
LONG_LAST: Final = "Wolfeschlegelsteinhausenbergerdorff-Featherstonehaugh"  # over 35 characters
LONG_EMPLOYER: Final = (  # over 70 characters
    "International Association for the Careful Naming of Very Long-Winded Organisations, Limited"
)
