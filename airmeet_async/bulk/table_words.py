"""The words people use for an attendee's fields, in the languages of `LANGUAGES`."""

import unicodedata

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
