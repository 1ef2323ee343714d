"""What Wrist reads of a DICOM header: the identity, which is pseudonymised at once, and the few facts that it keeps."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field

from pydicom.dataset import Dataset

from wrist_model.errors import Refused

RADIOGRAPHS = ("DX", "CR", "RG")
"""Modality (0008,0060) of projection radiographs: digital, computed, and film."""
AGE_CAP = 90
"""Ages above are told as this: HIPAA's Safe Harbor, 45 CFR 164.514(b)(2)(i)(C), groups those of 90 and over."""


@dataclass(frozen=True)
class Header:
    """A header's identity (never shown) and facts without identity."""

    patient: str = field(repr=False)  # with its issuer, where there is one
    patient_number: str = field(repr=False)  # without
    study: str = field(repr=False)
    accession: str = field(repr=False)
    maker: str = field(repr=False)
    modality: str
    body_part: str
    view: str | None
    sex: str | None
    age: int | None
    burned_in: bool | None


def read(dataset: Dataset) -> Header:
    """Raises Refused (`missing_identity`, `not_a_radiograph`, `damaged`)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings cite values
        try:
            return _read(dataset)
        except Refused:
            raise
        except Exception:  # elements are parsed when they are asked for, and damaged ones raise whatever comes
            raise Refused("damaged", "The DICOM header can't be read: an element in it is damaged.") from None


def is_directory(dataset: Dataset) -> bool:
    """Whether it is a Media Storage Directory, a DICOMDIR, whatever its name: by MediaStorageSOPClassUID (0002,0002) or
    the Directory Record Sequence (0004,1220). Its data set has no SOP Class UID (PS3.3 F.3)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            meta = getattr(dataset, "file_meta", None) or {}
            stated = str(meta.get("MediaStorageSOPClassUID", "") or dataset.get("SOPClassUID", ""))
            return stated == "1.2.840.10008.1.3.10" or "DirectoryRecordSequence" in dataset
        except Exception:
            return False


def _read(dataset: Dataset) -> Header:
    modality = text(dataset, "Modality").upper()
    if modality not in RADIOGRAPHS:
        said = f"Its modality is {modality}" if re.fullmatch("[A-Z]{2,5}", modality) else "It states no known modality"
        raise Refused("not_a_radiograph", f"{said}; radiographs are {', '.join(RADIOGRAPHS)}.")
    patient, study = text(dataset, "PatientID"), text(dataset, "StudyInstanceUID")
    for value, name in ((patient, "PatientID (0010,0020)"), (study, "StudyInstanceUID (0020,000D)")):
        if not value:
            raise Refused(
                "missing_identity", f"The object has no {name}, so it can't be kept apart from other patients."
            )
    view = text(dataset, "ViewPosition").upper()
    sex = text(dataset, "PatientSex").upper()
    return Header(
        patient=_issued(dataset, patient),
        patient_number=patient,
        study=study,
        accession=text(dataset, "AccessionNumber"),
        maker="\\".join((text(dataset, "Manufacturer"), text(dataset, "ManufacturerModelName"))).strip("\\"),
        modality=modality,
        body_part=body_part(dataset),
        view=view if view in VIEWS else None,
        sex=sex if sex in ("F", "M", "O") else None,
        age=_age(dataset),
        burned_in={"YES": True, "NO": False}.get(text(dataset, "BurnedInAnnotation").upper()),
    )


VIEWS = frozenset(["AP", "PA", "LL", "RL", "RLD", "LLD", "RLO", "LLO", "LAT", "LATERAL", "OBL", "OBLIQUE", "SCAPHOID"])
"""The ViewPosition values that are kept; anything else in that element could be free text."""


def text(dataset: Dataset, keyword: str) -> str:
    """An element's first value as stripped text; empty where it is absent."""
    value = dataset.get(keyword)
    if value is None:
        return ""
    if not isinstance(value, str) and hasattr(value, "__len__") and hasattr(value, "__getitem__"):
        value = value[0] if len(value) else ""
    return str(value).strip(" \0")


def _issued(dataset: Dataset, patient: str) -> str:
    """Patient numbers of two issuers (0010,0021) in one source are two patients."""
    issuer = text(dataset, "IssuerOfPatientID")
    return f"{issuer}\\{patient}" if issuer else patient


def _age(dataset: Dataset) -> int | None:
    """Whole years from PatientAge (0010,1010), else from birth and study dates; capped."""
    stated = re.fullmatch(r"(\d{1,3})([YMWD])", text(dataset, "PatientAge").upper())
    if stated:
        per_year = {"Y": 1.0, "M": 12.0, "W": 52.18, "D": 365.25}[stated[2]]
        return min(AGE_CAP, int(int(stated[1]) / per_year))
    birth, study = (re.fullmatch(r"(\d{4})(\d{2})(\d{2})", text(dataset, name)) for name in _DATES)
    if not birth or not study:
        return None
    years = int(study[1]) - int(birth[1]) - ((study[2], study[3]) < (birth[2], birth[3]))
    return min(AGE_CAP, years) if 0 <= years <= 150 else None


_DATES = ("PatientBirthDate", "StudyDate")

# Words for the wrist in BodyPartExamined (PS3.16 Annex L), in regions' code meanings and in descriptions.
_WORDS = {
    "WRIST": (
        *("WRIST", "HANDGELENK", "HANDWURZEL", "POIGNET", "POLSO", "POLSI", "MUÑECA", "MUNECA", "PUNHO", "POLS"),
        *("HANDLED", "HÅNDLED", "NADGARSTEK", "ZÁPĚSTÍ", "ZAPESTI", "RANNE", "CSUKLÓ", "CARPAL", "CARPUS", "SCAPHOID"),
    ),
    "HAND": ("HAND", "FINGER", "THUMB"),
    "FOREARM": ("FOREARM", "RADIUS", "ULNA"),
    "ELBOW": ("ELBOW",),
    "SHOULDER": ("SHOULDER", "CLAVICLE", "SCAPULA"),
    "HUMERUS": ("HUMERUS", "ARM"),
    "CHEST": ("CHEST", "THORAX", "RIB"),
    "LEG": ("LEG", "TIBIA", "FIBULA"),
    "KNEE": ("KNEE", "PATELLA"),
    "ANKLE": ("ANKLE",),
    "FOOT": ("FOOT", "TOE", "CALCANEUS"),
    "HIP": ("HIP", "PELVIS", "FEMUR"),
    "SPINE": ("SPINE", "CSPINE", "LSPINE", "TSPINE", "SACRUM", "COCCYX"),
    "HEAD": ("HEAD", "SKULL", "JAW", "NECK", "ABDOMEN", "BREAST"),
}
# SNOMED CT and SRT codes of AnatomicRegionSequence (PS3.16 CID 4031) that mean the wrist or its joint.
_WRIST_CODES = frozenset({"T-15460", "74670003", "T-D8600", "8205005"})


def body_part(dataset: Dataset) -> str:
    """WRIST, another of Wrist's words, OTHER, or UNKNOWN where the header doesn't say.

    BodyPartExamined (0018,0015) first, then AnatomicRegionSequence (0008,2218), then the two descriptions. A value that
    names no part (EXTREMITY, UNKNOWN, NA) is passed over.
    """
    stated = text(dataset, "BodyPartExamined")
    if not _says_nothing(stated):
        return _word(stated) or "OTHER"
    for region in dataset.get("AnatomicRegionSequence") or []:
        if text(region, "CodeValue") in _WRIST_CODES:
            return "WRIST"
        meaning = text(region, "CodeMeaning")
        if not _says_nothing(meaning):
            return _word(meaning) or "OTHER"
    for keyword in ("StudyDescription", "SeriesDescription"):
        found = _word(text(dataset, keyword))
        if found:
            return found
    return "UNKNOWN"


_NOTHING = frozenset(
    (
        *("", "NA", "NONE", "NULL", "NIL", "NO", "X", "XX", "XXX", "UNKNOWN", "UNK", "UNKNOW", "UNDEFINED", "UNDEF"),
        *("UNSPECIFIED", "NOTSPECIFIED", "NOTAPPLICABLE", "NOTAVAILABLE", "NOTKNOWN", "NOTDEFINED", "DEFAULT"),
        *(
            "STANDARD",
            "GENERAL",
            "GENERIC",
            "OTHER",
            "OTHERS",
            "MISC",
            "MISCELLANEOUS",
            "VARIOUS",
            "ANY",
            "ALL",
            "TEST",
        ),
        *("BODYPART", "BODY", "PART", "XRAY", "XR", "DX", "CR", "RADIOGRAPH", "RADIOGRAPHY", "EXAM", "UNBEKANNT"),
        *("KEINE", "SONSTIGE", "INCONNU", "AUTRE", "SCONOSCIUTO", "ALTRO", "DESCONOCIDO", "OTRO", "ONBEKEND"),
        *("EXTREMITY", "EXTREMITIES", "EXTREMITYS", "EXTREM", "EXT", "EXTR", "EXTREMITE", "EXTREMITES", "EXTREMITÉ"),
        *("EXTREMITÄT", "EXTREMITÄTEN", "EXTREMITAET", "EXTREMITAETEN", "EXTREMIDAD", "EXTREMITA", "LIMB", "LIMBS"),
        *("UPPEREXTREMITY", "UPPEREXTREMITIES", "UPEXTREMITY", "UPEREXTREMITY", "UPPEREXT", "UPPEREXTR", "UPEXT", "UE"),
        *("SKELETON", "BONE", "BONES", "JOINT", "JOINTS", "TRAUMA", "ORTHO", "MSK", "PEDIATRIC", "PAEDIATRIC", "PEDS"),
        *("MEMBRESUPERIEUR", "MEMBRESUPÉRIEUR", "MEMBROSUPERIOR", "EXTREMIDADSUPERIOR", "ARTOSUPERIORE", "KEINEANGABE"),
        *("UPPERLIMB", "UPPERLIMBS", "UPLIMB", "UPEXM", "UXT", "UEXT", "OBEREEXTREMITÄT", "OBEREEXTREMITAET", "MEMBRE"),
    )
)
"""Values, without all but letters, that name no part; the lower extremity is one that is no wrist."""


def _says_nothing(said: str) -> bool:
    words = re.findall(r"[^\W\d_]+", said.upper())
    return "".join(word for word in words if word not in _SIDES) in _NOTHING


_SIDES = ("LEFT", "RIGHT", "LT", "RT", "L", "R", "BOTH", "BILAT", "BILATERAL")


def _word(said: str) -> str | None:
    upper = re.sub("METACARP[A-Z]*", "HAND", said.upper())
    words = re.findall(r"[^\W\d_]+", upper)
    for name, forms in _WORDS.items():
        for word in words:
            if any(word == form or (len(form) > 4 and form in word) or word == form + "S" for form in forms):
                return name
    return None
