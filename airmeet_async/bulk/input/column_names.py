"""The words people use for an attendee's fields, in the languages of `LANGUAGES`."""

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from attrs import frozen

from airmeet_async.errors import ConfigError

LANGUAGES = (
    "English, German, French, Spanish, Italian, Portuguese, Dutch, Polish, Swedish, Danish, Norwegian, Finnish, Czech"
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


def guess(column: str) -> str | None:
    """Return the field that a column's name stands for, or None."""
    return _FIELD_OF.get(squeezed(column))


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
        # that `table_reports` takes away. The statuses are approved, denied, pending approval, cancelled.
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
        # C: reports of leads, contacts and campaign members; the lines below the table are taken away by
        # `table_reports`.
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
