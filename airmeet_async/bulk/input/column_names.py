"""The words people write for columns and cells, in the languages of `LANGUAGES`; the columns of other tools' exports.

Data, and the three functions that read it: `field_for_column`, `parse_attendance` and `is_salutation`.
"""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from attrs import frozen

from airmeet_async.errors import ConfigError

LANGUAGES = (
    "English, German, French, Spanish, Italian, Portuguese, Dutch, Polish, Swedish, Danish, Norwegian, Finnish, Czech, "
    "Hungarian, Romanian, Turkish, Greek, Russian, Japanese, Chinese, Korean"
)

_WORDS = {
    "email": """
        email | mail | e-mail | email address | e-mail address | mail address | email id | attendee email | user email
        participant email | registrant email | work email | business email | contact email | primary email
        e-mail-adresse | mailadresse | emailadresse | teilnehmer e-mail
        courriel | adresse e-mail | adresse mail | adresse électronique | adresse courriel | mél
        correo | correo electrónico | dirección de correo | dirección de correo electrónico | dirección de email
        indirizzo e-mail | indirizzo mail | posta elettronica | indirizzo di posta elettronica
        endereço de e-mail | endereço e-mail | correio eletrônico | correio electrónico
        e-mailadres | mailadres
        poczta | poczta elektroniczna | adres e-mail | adres mailowy
        e-postadress | e-post | epostadress | mejl | mejladress
        e-mailadresse | e-postadresse | epostadresse
        sähköposti | sähköpostiosoite
        e-mailová adresa | emailová adresa | elektronická pošta
        e-mail-cím | e-mail cím | emailcím
        adresă de e-mail | adresa de e-mail
        e-posta | e-posta adresi | eposta
        ηλεκτρονική διεύθυνση | ηλεκτρονικό ταχυδρομείο
        электронная почта | эл. почта | почта | адрес электронной почты
        メール | メールアドレス | eメール | 電子メール
        邮箱 | 电子邮箱 | 电子邮件 | 邮件地址 | 郵箱 | 電子郵件 | 電郵
        이메일 | 이메일 주소 | 전자우편
        """,
    "first_name": """
        first name | first | given name | given names | forename | fname | christian name
        vorname | vornamen | rufname
        prénom | prénoms
        nombre | nombres | nombre de pila | primer nombre
        nome | nome proprio
        primeiro nome | nome próprio
        voornaam
        imię | imiona
        förnamn | tilltalsnamn
        fornavn
        etunimi
        jméno | křestní jméno
        keresztnév | utónév
        prenume
        ad | adı | isim
        όνομα
        имя
        名 | 名前（名）
        이름
        """,
    "last_name": """
        last name | last | surname | family name | lname
        nachname | familienname | zuname
        nom | nom de famille
        apellido | apellidos | primer apellido
        cognome
        sobrenome | apelido | último nome
        achternaam | familienaam
        nazwisko
        efternamn
        efternavn | etternavn
        sukunimi
        příjmení
        vezetéknév | családnév
        nume | nume de familie
        soyad | soyadı | soyisim
        επώνυμο
        фамилия
        姓 | 苗字 | 姓氏
        성
        """,
    "attendance_type": """
        attendance type | attendance mode | participation type | participation mode
        teilnahmeart | art der teilnahme | teilnahmetyp
        type de participation | mode de participation
        tipo de asistencia | tipo de participación | modalidad
        tipo di partecipazione | modalità di partecipazione
        tipo de participação
        type deelname | deelnametype
        rodzaj uczestnictwa | forma uczestnictwa
        typ av deltagande | deltagandeform
        deltagelsestype | deltagelsesform | type deltakelse
        osallistumistapa
        typ účasti | způsob účasti | forma účasti
        részvétel módja | mod de participare | katılım şekli | τρόπος συμμετοχής | форма участия | формат участия
        参加方法 | 参加形式 | 参会方式 | 參加方式 | 참가 방식 | 참석 방식
        """,
    "city": """
        city | town
        stadt | ort | wohnort
        ville
        ciudad | localidad
        città
        cidade
        stad | plaats | woonplaats
        miasto | miejscowość
        ort | bostadsort
        by | poststed
        kaupunki | paikkakunta
        město | obec
        város | oraș | localitate | şehir | πόλη | город
        都市 | 市区町村 | 市 | 城市 | 도시
        """,
    "country": """
        country | country/region | country or region
        land
        pays
        país
        paese
        kraj | państwo
        maa
        země | stát
        ország | țară | ülke | χώρα | страна
        国 | 国名 | 国家 | 國家 | 국가
        """,
    "designation": """
        designation | job title | title | job role | role | position | jobtitle | current title
        berufsbezeichnung | stellenbezeichnung | jobtitel | funktion
        fonction | poste | titre | intitulé du poste
        cargo | puesto
        ruolo | qualifica | posizione | mansione
        função | cargo atual
        functie | functietitel
        stanowisko
        befattning | yrkestitel
        stilling | stillingsbetegnelse | jobbtitel | stillingstittel
        tehtävänimike | titteli | ammattinimike
        pozice | pracovní pozice | funkce
        beosztás | munkakör | funcția | post | pozisyon | ünvan | unvan | θέση | должность
        役職 | 職位 | 职位 | 職稱 | 职务 | 직책 | 직위
        """,
    "organisation": """
        organisation | organization | organisation name | organization name | org | company | company name | employer
        institution | affiliation
        firma | firmenname | unternehmen | arbeitgeber
        entreprise | société | organisme | employeur
        empresa | organización | compañía | institución
        azienda | società | organizzazione | ente | impresa
        organização | companhia | instituição
        bedrijf | bedrijfsnaam | organisatie | werkgever | instelling
        firma | nazwa firmy | organizacja | przedsiębiorstwo | pracodawca
        företag | företagsnamn | arbetsgivare
        virksomhed | virksomhet | firmanavn | bedrift | organisasjon | arbejdsgiver | arbeidsgiver
        yritys | organisaatio | työnantaja
        společnost | organizace | zaměstnavatel | název firmy
        cég | cégnév | munkahely | companie | firmă | şirket | kurum | εταιρεία | компания | организация
        会社 | 会社名 | 所属 | 勤務先 | 公司 | 单位 | 公司名称 | 회사 | 회사명 | 소속
        """,
}

_FULL_NAMES = """
    name | full name | complete name | display name | attendee name | participant name | contact name
    vollständiger name | vor- und nachname | name vorname
    nom complet | nom et prénom | nom prénom | prénom nom
    nombre completo | nombre y apellidos | nombre y apellido
    nome completo | nome e cognome | nominativo | nome e sobrenome
    naam | volledige naam
    imię i nazwisko | nazwisko i imię
    namn | fullständigt namn | för- och efternamn
    navn | fulde navn | fullt navn | fornavn og efternavn | fornavn og etternavn
    nimi | koko nimi | etu- ja sukunimi
    celé jméno | jméno a příjmení
    név | teljes név | nume complet | nume și prenume | ad soyad | adı soyadı | ονοματεπώνυμο | фио | имя и фамилия
    氏名 | お名前 | 名前 | 姓名 | 성명 | 성함
    """

FIELDS = tuple(_WORDS)
"""An attendee's own fields, the mandatory ones first."""


def squeezed(text: str) -> str:
    """Return a name without what people write differently: case, blanks, hyphens, underscores, accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in plain if character.isalnum())


def _split(words: str) -> list[str]:
    return [squeezed(word) for line in words.splitlines() for word in line.split("|") if word.strip()]


_FIELD_OF = {word: name for name, words in _WORDS.items() for word in (squeezed(name), *_split(words))}

FULL_NAMES = frozenset(_split(_FULL_NAMES))
"""Squeezed names of columns that hold a whole name."""


# What forms put behind a column's name: "Last name (required)", "Company [optional]".
_REMARK = re.compile(r"[(\[（]([^)\]）]*)[)\]）]\s*$")
_REMARKS = frozenset(
    _split("""
    required | mandatory | optional | must | pflichtfeld | pflicht | erforderlich | freiwillig | obligatoire | requis
    facultatif | obligatorio | requerido | opcional | obbligatorio | facoltativo | obrigatório | verplicht | optioneel
    wymagane | opcjonalne | obligatorisk | valgfri | valfri | pakollinen | povinné | kötelező | obligatoriu | zorunlu
    υποχρεωτικό | обязательно | 必須 | 任意 | 必填 | 필수 | 선택
    """)
)


def field_for_column(column: str) -> str | None:
    """Return the field that a column's name stands for, or None."""
    remark = _REMARK.search(column)
    if remark and squeezed(remark[1]) in _REMARKS:
        column = column[: remark.start()]
    return _FIELD_OF.get(squeezed(column))


_ATTENDANCE = {
    word: kind
    for kind, words in {
        "VIRTUAL": """
            virtual | virtually | online | on line | remote | remotely | digital | web | webinar | stream | live stream
            from home | distance | virtuell | digital teilnahme | en ligne | à distance | distanciel | en distanciel
            virtuel | virtuellement | en línea | a distancia | remoto | da remoto | a distanza | virtuale | on-line
            op afstand | virtueel | zdalnie | zdalna | wirtualnie | på distans | fjernt | på nett | digitalt | etänä
            verkossa | vzdáleně | távolról | virtuális | la distanță | çevrimiçi | uzaktan | διαδικτυακά | онлайн
            удалённо | удаленно | オンライン | リモート | 线上 | 線上 | 온라인
            """,
        "IN-PERSON": """
            in person | in-person | inperson | on-site | on site | physical | physically | present | face to face
            live on site | venue | at the venue | vor ort | präsenz | in präsenz | persönlich | présentiel
            en présentiel | sur place | en personne | presencial | presencialmente | en persona | in presenza
            di persona | in loco | presença | op locatie | ter plaatse | fysiek | stacjonarnie | na miejscu | osobiście
            på plats | fysiskt | på stedet | fysisk | fremmøde | oppmøte | paikan päällä | lähi | osobně | na místě
            személyesen | helyszínen | fizic | la fața locului | yüz yüze | yerinde | δια ζώσης | очно | лично
            現地 | 会場 | 来場 | 対面 | 现场 | 線下 | 线下 | 현장 | 대면
            """,
    }.items()
    for word in _split(words)
}


def parse_attendance(text: str) -> str:
    """Return Airmeet's word (``VIRTUAL``, ``IN-PERSON``) for what people write; anything else as it is."""
    return _ATTENDANCE.get(squeezed(text), text)


_SALUTATIONS = frozenset(
    _split("""
    mr | mrs | ms | miss | mx | sir | madam | dr | prof | professor | herr | frau | hr | fr | divers | ing | dipl
    mag | med | rer | nat | phil | jur | monsieur | madame | mademoiselle | m | mme | mlle | sr | sra | srta
    señor | señora | señorita | don | doña | sig | sig.ra | signor | signora | dott | dott.ssa | senhor | senhora
    dhr | mevr | mevrouw
    meneer | de heer | mw | pan | pani | paní | fru | frk | fröken | herra | rouva | úr | dl | dna | bay | bayan
    κ | κα | г-н | г-жа | 様 | さん | 先生 | 女士 | 씨
    """)
)


def is_salutation(text: str) -> bool:
    """Say whether a cell is a form of address ("Mr", "Frau Dr.") and no job title."""
    return squeezed(text) in _SALUTATIONS or all(squeezed(word) in _SALUTATIONS for word in text.split())


PresetName = Literal["luma", "eventbrite", "zoom", "hubspot", "salesforce", "none"]
"""What ``--preset`` takes; ``none`` reads a file as any other."""


@frozen(kw_only=True)
class Preset:
    """How one tool writes its lists.

    Attributes:
        name: What is typed.
        title: What it is called.
        marks: Sets of columns; a header with all of one set is an export of this tool and of no other.
        fields: Columns of each field, the best first.
        status: The column that says whether somebody comes.
        coming: What it says of those who do. An empty cell says nothing against anybody.
    """

    name: str
    title: str
    marks: tuple[tuple[str, ...], ...]
    fields: Mapping[str, tuple[str, ...]]
    status: str = ""
    coming: frozenset[str] = frozenset()

    def fits(self, header: Collection[str]) -> bool:
        """Whether a header, squeezed, is unmistakably this tool's."""
        return any({squeezed(mark) for mark in marks}.issubset(header) for marks in self.marks)

    def comes(self, status: str) -> bool:
        """Whether somebody with this status comes."""
        return not status or " ".join(status.split()).casefold() in self.coming


_NAMES = {"email": ("Email",), "first_name": ("First Name",), "last_name": ("Last Name", "Surname")}

PRESETS = {
    preset.name: preset
    for preset in (
        # C: guest lists begin with api_id, newer ones with guest_id; UTF-8 with a byte order mark; questions at the
        # end. The statuses are those of Luma's API: approved, pending_approval, invited, declined, waitlist, session.
        Preset(
            name="luma",
            title="Luma",
            marks=(("api_id", "approval_status"), ("guest_id", "approval_status")),
            fields={"email": ("email",), "first_name": ("first_name",), "last_name": ("last_name",)},
            status="approval_status",
            coming=frozenset({"approved"}),
        ),
        # C: the attendee report. British accounts have "Order no." and "Surname". Not Attending, Deleted and others
        # are people who have cancelled, were refunded or were taken off the list.
        Preset(
            name="eventbrite",
            title="Eventbrite",
            marks=(("Order #", "Attendee Status"), ("Order no.", "Attendee Status"), ("Order ID", "Attendee Status")),
            fields=_NAMES
            | {
                "city": ("Work City", "Home City", "City"),
                "country": ("Work Country", "Home Country", "Country"),
                "designation": ("Job Title",),
                "organisation": ("Company",),
            },
            status="Attendee Status",
            coming=frozenset({"attending", "checked in"}),
        ),
        # C: the registration and the attendee report of webinars and meetings, whose table stands below a preamble
        # that is passed over when the file is read. The statuses are approved, denied, pending approval, cancelled.
        Preset(
            name="zoom",
            title="Zoom",
            marks=(("Registration Time", "Approval Status"),),
            fields=_NAMES
            | {
                "city": ("City",),
                "country": ("Country/Region", "Country/Region Name"),
                "designation": ("Job Title",),
                "organisation": ("Organization",),
            },
            status="Approval Status",
            coming=frozenset({"approved"}),
        ),
        # C: an export of contacts. Which columns there are is the user's choice; these are the usual ones.
        Preset(
            name="hubspot",
            title="HubSpot",
            marks=(
                ("Record ID", "Contact owner"),
                ("Record ID", "Lead Status"),
                ("Record ID", "Lifecycle Stage"),
                ("Record ID - Contact",),
            ),
            fields=_NAMES
            | {
                "city": ("City",),
                "country": ("Country/Region", "Country"),
                "designation": ("Job Title",),
                "organisation": ("Company Name", "Associated Company", "Primary Associated Company"),
            },
        ),
        # C: reports of leads, contacts and campaign members; the lines below the table become
        # rows without an address, which are INVALID and visible.
        Preset(
            name="salesforce",
            title="Salesforce",
            marks=(
                ("Company / Account",),
                ("Lead ID", "Lead Owner"),
                ("Lead ID", "Lead Status"),
                ("Contact ID", "Account Name"),
                ("Account Owner", "Account Name", "Mailing Country"),
            ),
            fields=_NAMES
            | {
                "city": ("Mailing City", "City"),
                "country": ("Mailing Country", "Country"),
                "designation": ("Title",),
                "organisation": ("Company / Account", "Account Name", "Company"),
            },
        ),
    )
}


def choose(name: str | None, header: Sequence[str]) -> Preset | None:
    """Return the preset of that name; without one, the only one that the header unmistakably is of.

    Raises:
        ConfigError: There is no such preset.
    """
    if name is not None and name != "none":
        if name not in PRESETS:
            message = f"there is no preset {name!r:.40}; there are {', '.join(PRESETS)}, and none"
            raise ConfigError(message)
        return PRESETS[name]
    names = frozenset(map(squeezed, header))
    fitting = [preset for preset in PRESETS.values() if preset.fits(names)] if name is None else []
    return fitting[0] if len(fitting) == 1 else None
