"""Which column is which field: guesses that are said aloud, and refusals that contain the fix."""

import shlex
import tomllib
from importlib.resources import files
from typing import get_args

import pytest

from airmeet_async.bulk.input.column_names import (
    FULL_NAMES,
    PRESETS,
    RESULT_COLUMNS,
    PresetName,
    field_for_column,
    parse_attendance,
    squeezed,
)
from airmeet_async.bulk.input.columns import Reading, find_columns
from airmeet_async.errors import InputError
from airmeet_async.tables import command_line_option

DATA = tomllib.loads(files("airmeet_async.bulk.input").joinpath("column_names.toml").read_text(encoding="utf-8"))


def match_columns(header, *, sample=(), **reading):
    return find_columns(header, Reading(preset="none", **reading), sample=sample, spell=command_line_option)


ORDER = ("email", "first_name", "last_name", "city", "country", "designation", "organisation")

# The same seven fields, in `ORDER`, as people head their columns.
HEADERS = {
    "our own": ORDER,
    "Airmeet's API": ("email", "firstName", "lastName", "city", "country", "designation", "organisation"),
    "English": ("E-mail Address", "First Name", "SURNAME", "Town", "Country/Region", "Job Title", "Company"),
    "American": ("Email", "given_name", "family-name", "City", "COUNTRY", "title", "Organization"),
    "German": ("E-Mail-Adresse", "Vorname", "Nachname", "Ort", "Land", "Berufsbezeichnung", "Firma"),
    "French": ("Adresse électronique", "Prénom", "Nom", "Ville", "Pays", "Fonction", "Société"),
    "Spanish": ("Correo electrónico", "Nombre", "Apellidos", "Ciudad", "País", "Cargo", "Empresa"),
    "Italian": ("Indirizzo e-mail", "Nome", "Cognome", "Città", "Paese", "Ruolo", "Azienda"),
    "Portuguese": ("Endereço de e-mail", "Nome", "Sobrenome", "Cidade", "País", "Função", "Organização"),
    "Dutch": ("E-mailadres", "Voornaam", "Achternaam", "Woonplaats", "Land", "Functie", "Bedrijf"),
    "Polish": ("Adres e-mail", "Imię", "Nazwisko", "Miasto", "Kraj", "Stanowisko", "Nazwa firmy"),
    "Swedish": ("E-postadress", "Förnamn", "Efternamn", "Ort", "Land", "Befattning", "Företag"),
    "Danish": ("E-mail", "Fornavn", "Efternavn", "By", "Land", "Stilling", "Virksomhed"),
    "Norwegian": ("E-post", "Fornavn", "Etternavn", "Poststed", "Land", "Stillingstittel", "Bedrift"),
    "Finnish": ("Sähköposti", "Etunimi", "Sukunimi", "Kaupunki", "Maa", "Tehtävänimike", "Yritys"),
    "Hungarian": ("E-mail cím", "Keresztnév", "Vezetéknév", "Város", "Ország", "Beosztás", "Cég"),
    "Romanian": ("Adresă de e-mail", "Prenume", "Nume", "Oraș", "Țară", "Funcția", "Companie"),
    "Turkish": ("E-posta", "Ad", "Soyad", "Şehir", "Ülke", "Unvan", "Şirket"),
    "Greek": ("Ηλεκτρονική διεύθυνση", "Όνομα", "Επώνυμο", "Πόλη", "Χώρα", "Θέση", "Εταιρεία"),
    "Russian": ("Электронная почта", "Имя", "Фамилия", "Город", "Страна", "Должность", "Компания"),
    "Japanese": ("メールアドレス", "名", "姓", "都市", "国", "役職", "会社名"),
    "Chinese": ("电子邮箱", "名", "姓", "城市", "国家", "职位", "公司"),
    "Korean": ("이메일", "이름", "성", "도시", "국가", "직책", "회사"),
    "Czech": ("E-mailová adresa", "Jméno", "Příjmení", "Město", "Země", "Pracovní pozice", "Společnost"),
}
NAMES = ("email", "first_name", "last_name")


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_columns_are_known_in_many_languages(header):
    """Each of the seven fields is found, in any order of the columns."""
    found = match_columns(list(reversed(header)))
    assert [(match.field, match.column) for match in found.fields] == list(zip(ORDER, header, strict=True))
    assert found.ignored == ()


def test_no_word_means_two_fields():
    """The lists of words do not contradict each other."""
    seen: dict[str, str] = {}
    for name, words in {**DATA["columns"], "whole name": DATA["other"]["whole_names"]}.items():
        for word in {squeezed(word) for line in words.splitlines() for word in line.split("|") if word.strip()}:
            assert seen.setdefault(word, name) == name, word
            assert field_for_column(word) == (None if name == "whole name" else name), word
    assert len(FULL_NAMES) > 10


def test_the_presets_that_can_be_typed_are_the_exports_that_are_known():
    assert set(get_args(PresetName)) == {*PRESETS, "none"}


@pytest.mark.parametrize("spelling", ["Attendance Type", "attendance_type", "attendanceType", "Teilnahmeart"])
def test_the_attendance_type_is_a_field(spelling):
    """It matters for hybrid events."""
    found = match_columns([*NAMES, spelling])
    assert (found.fields[3].field, found.fields[3].column) == ("attendance_type", spelling)


def test_accents_and_case_do_not_count():
    """The same letters in another Unicode form, case or with other joints are the same word."""
    assert squeezed("PRE\u0301NOM") == squeezed("pr\u00e9_nom") == "prenom"
    assert squeezed("E-Mail – Straße!") == "emailstrasse"


def test_everything_is_said():
    """Each column is in one line: why it is used, or that it is not."""
    found = match_columns(
        ["E-Mail-Adresse", "first_name", "Name", "Größe", "Notes", 'a "b"', *RESULT_COLUMNS],
        overrides={"last_name": "Name", "custom:T-shirt": "Größe"},
    )
    assert found.lines() == [
        'email <- "E-Mail-Adresse" (guessed)',
        'first_name <- "first_name"',
        'last_name <- "Name" (--map)',
        'custom field "T-shirt" <- "Größe" (--map)',
        r'ignored: "Notes", "a \"b\""',
        "not sent: the airmeet_ columns of an earlier result file",
    ]
    assert match_columns(NAMES).lines() == [
        'email <- "email"',
        'first_name <- "first_name"',
        'last_name <- "last_name"',
    ]


def test_a_row_is_picked():
    """Values are stripped, empty ones left out; lists are joined; other columns play no part."""
    found = match_columns(
        [*NAMES, "city", "country", "Size", "Diet"], overrides={"custom:f-1": "Size", "custom:Food": "Diet"}
    )
    row = {"email": " a@x.de ", "first_name": "Al", "last_name": "", "city": ["A", "B"], "Size": "M ", "Diet": " "}
    assert found.pick(row) == {
        "email": "a@x.de",
        "first_name": "Al",
        "city": "A, B",
        "custom_fields": {"f-1": "M"},
    }
    assert found.pick({"country": None}) == {}


def test_a_mapped_column_is_not_guessed_again():
    """What the user says wins over what the name says, for the field and for the column."""
    found = match_columns(["email", "Mail", "nom", "surname"], overrides={"first-name": "nom", "Email": "Mail"})
    assert [(match.field, match.column) for match in found.fields] == [
        ("email", "Mail"),
        ("first_name", "nom"),
        ("last_name", "surname"),
    ]
    assert found.ignored == ("email",)


REFUSED = {
    "two for one": (
        ["E-Mail", "Courriel", "first", "last"],
        {},
        ['"E-Mail", "Courriel" could each be email', "--map email=E-Mail or --map email=Courriel"],
    ),
    "no e-mail": (
        ["Contact", "first", "last"],
        {},
        ["no column for email", 'the columns are "Contact", "first", "last"', "--map email=COLUMN"],
    ),
    "an odd e-mail": (
        ["Kunden Mail 2", "first", "last"],
        {},
        ["--map 'email=Kunden Mail 2'"],
    ),
    "no last name": (["email", "first"], {}, ["no column for last_name", "--map last_name=COLUMN"]),
    "no first name": (["email", "last"], {}, ["no column for first_name;"]),
    "one name": (
        ["email", "Full Name"],
        {},
        ["first_name and last_name", '"Full Name"', "It is not split automatically", "two columns"],
    ),
    "a German name": (["email", "Vorname", "Name"], {}, ["not split automatically", "--map last_name=Name"]),
    "no such column": (
        ["E-Mail", "first", "last"],
        {"email": "Email"},
        ["--map email=Email", 'did you mean "E-Mail"?'],
    ),
    "nothing like it": (["a", "b"], {"email": "zzz"}, ['no column is named "zzz"', 'the columns are "a", "b"']),
    "no such field": (["a"], {"frist_name": "a"}, ['did you mean "first_name"', "custom:LABEL=Column"]),
    "nothing like that field": (["a"], {"zzz": "a"}, ["the fields are email, first_name"]),
    "a field twice": (["a", "b"], {"email": "a", "E-Mail": "b"}, ['names email twice: "a", "b"']),
    "a custom field without a name": (["a"], {"custom:": "a"}, ["the label or id"]),
    "no header line": (["a@x.de", "Al", "Fo"], {}, ['the first line holds "a@x.de"', "put a header line above"]),
    "very many columns": ([f"c{n}" for n in range(99)], {}, ['"c19" and 79 more']),
}


@pytest.mark.parametrize(("header", "overrides", "said"), REFUSED.values(), ids=REFUSED)
def test_a_gamble_is_refused(header, overrides, said):
    """The message lists what was found and what to type."""
    with pytest.raises(InputError) as caught:
        match_columns(header, overrides=overrides)
    for fragment in said:
        assert fragment in str(caught.value)


@pytest.mark.parametrize(
    ("header", "missing"),
    [
        (["email", "first"], "last_name"),
        (["email", "Vorname", "Name"], "last_name"),
        (["Contact", "first", "last"], "email"),
        (["email;first;last"], "email"),
        (["email", "Full Name"], "first_name"),
    ],
)
def test_a_column_that_is_missing_is_named_by_its_field(header, missing):
    with pytest.raises(InputError, match="no column for") as caught:
        match_columns(header)
    assert caught.value.column == missing


def test_a_name_column_is_no_matter_when_the_names_are_there():
    """The hint on whole names is for those who lack one."""
    with pytest.raises(InputError) as caught:
        match_columns(["Contact", "first", "last", "Name"])
    assert "not split" not in str(caught.value)


def test_who_needs_less_may_say_so():
    """Blocking somebody takes an e-mail alone."""
    assert len(match_columns(["email", "x"], required=["email"]).fields) == 1
    with pytest.raises(InputError, match="no column for email;"):
        match_columns(["x"], required=["email"])


def rows_of(header, *rows):
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_a_title_is_a_job_title_only_where_it_holds_no_forms_of_address():
    """Both are headed "Title" (and "Titel", "Titre"); the cells tell."""
    for title, cells, expected in [
        ("Title", ("Mr", "Dr", ""), None),
        ("Title", ("Mrs.", "Prof. Dr.", "Ms"), None),
        ("Titre", ("Mme", "M."), None),
        ("Title", ("CEO", "Dr", "Head of IT"), "Title"),
        ("Title", ("", ""), "Title"),
    ]:
        header = ["email", "first_name", "last_name", title]
        found = match_columns(header, sample=rows_of(header, *[("a@x.de", "A", "B", cell) for cell in cells]))

        job = next((match.column for match in found.fields if match.field == "designation"), None)
        assert job == expected, (title, cells)
        assert (f'ignored: "{title}" (forms of address, not job titles)' in found.lines()) == (expected is None)


def test_forms_of_address_leave_the_job_title_to_another_column():
    """Two columns that could be the job title are no gamble where one of them is full of "Mr"."""
    header = ["Title", "Job Title", "email", "first_name", "last_name"]
    found = match_columns(header, sample=rows_of(header, ("Mr", "CEO", "a@x.de", "A", "B")))

    assert [match.column for match in found.fields if match.field == "designation"] == ["Job Title"]


def test_what_the_user_says_wins_over_the_values():
    header = ["Title", "email", "first_name", "last_name"]
    found = match_columns(
        header, overrides={"designation": "Title"}, sample=rows_of(header, ("Mr", "a@x.de", "A", "B"))
    )

    assert found.fields[-1].column == "Title"


def test_a_remark_behind_a_name_does_not_hide_it():
    for column, name in [
        ("Last name (required)", "last_name"),
        ("First name [optional]", "first_name"),
        ("E-Mail (Pflichtfeld)", "email"),
        ("メールアドレス（必須）", "email"),
        ("Company *", "organisation"),
        ("Name (First)", "first_name"),
        ("氏名（姓）", "last_name"),
        ("Name (work)", None),
    ]:
        assert field_for_column(column) == name, column


def test_advice_can_be_followed():
    """The --map that a refusal proposes gives columns that hold what they should."""
    google = ["First Name", "Last Name", "E-mail 1 - Label", "E-mail 1 - Value", "E-mail 2 - Value"]
    contact = ["E-mail type", "Contact", "Vorname", "Nachname"]
    for header, row, mapped in [
        (google, ("Ana", "Lovelace", "* ", "ana@example.com", ""), {"email": "E-mail 1 - Value"}),
        (contact, ("work", "ana@example.com", "Ana", "Lovelace"), {"email": "Contact"}),
    ]:
        sample = rows_of(header, row)
        with pytest.raises(InputError) as caught:
            match_columns(header, sample=sample)
        typed = dict(one.partition("=")[::2] for one in shlex.split(str(caught.value))[-1:])

        assert typed == mapped
        assert match_columns(header, sample=sample, overrides=typed).pick(sample[0])["email"] == "ana@example.com"


def test_a_column_called_name_is_proposed_for_what_its_values_are():
    """The last name where it has one word, to be split where it has several; of a wrong delimiter nothing is."""
    header = ["email", "Vorname", "Name"]
    for name, said, unsaid in [
        ("Lovelace", "--map last_name=Name", "--split-name"),
        ("Ana Lovelace", "--split-name", "--map"),
    ]:
        with pytest.raises(InputError) as caught:
            match_columns(header, sample=rows_of(header, ("ana@example.com", "Ana", name)))
        assert said in str(caught.value), name
        assert unsaid not in str(caught.value), name
    with pytest.raises(InputError, match=r"--delimiter ';'$"):
        match_columns(["email;first_name;last_name"])
    with pytest.raises(InputError, match=r"--delimiter tab$"):
        match_columns(["email\tfirst_name\tlast_name"])


def test_of_two_columns_for_the_address_only_those_with_addresses_count():
    header = ["Email", "E-mail", "Vorname", "Nachname"]
    for first, second, found in [
        ("anonymous", "ana@example.com", "E-mail"),
        ("", "ana@example.com", "E-mail"),
        ("ana@example.com", "-", "Email"),
    ]:
        columns = match_columns(header, sample=rows_of(header, (first, second, "Ana", "Lovelace")))
        assert columns.fields[0].column == found
    for first, second in [("ana@example.com", "ana@example.org"), ("", ""), ("x", "y")]:
        with pytest.raises(InputError, match="could each be email"):
            match_columns(header, sample=rows_of(header, (first, second, "Ana", "Lovelace")))


def test_advice_names_no_column_that_is_another_field():
    """Where only the first name is there, it is not proposed as the last name."""
    with pytest.raises(InputError, match="--map last_name=COLUMN"):
        match_columns(["email", "first_name"])


def test_attendance_is_read_in_the_languages_of_the_headers():
    for text, kind in [
        ("Online", "VIRTUAL"),
        ("Remote", "VIRTUAL"),
        ("à distance", "VIRTUAL"),
        ("オンライン", "VIRTUAL"),
        ("virtual", "VIRTUAL"),
        ("On-site", "IN-PERSON"),
        ("Vor Ort", "IN-PERSON"),
        ("in person", "IN-PERSON"),
        (" In_Person ", "IN-PERSON"),
        ("in  -  person", "IN-PERSON"),
        ("InPerson", "IN-PERSON"),
        ("Présentiel", "IN-PERSON"),
        ("paikan päällä", "IN-PERSON"),
        ("maybe", "maybe"),
        ("hybrid", "hybrid"),
        ("", ""),
        ("  ", "  "),
    ]:
        assert parse_attendance(text) == kind, text


def test_words_of_attendance_that_are_read_as_airmeets_are_said():
    header = ["email", "first_name", "last_name", "attendance_type"]
    sample = rows_of(header, ("a@x.de", "A", "B", "Vor Ort"), ("b@x.de", "A", "B", "VIRTUAL"))

    assert match_columns(header, sample=sample).lines()[-1] == (
        'attendance_type <- "attendance_type" ("Vor Ort" as IN-PERSON)'
    )
