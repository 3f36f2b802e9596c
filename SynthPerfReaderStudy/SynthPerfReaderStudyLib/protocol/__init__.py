"""What is asked, of whom, on which images, in which design: one YAML file, frozen when the study is created."""

from .checks import telling_words
from .design import (
    Adjudication,
    Analysis,
    Blinding,
    Design,
    Endpoint,
    Navigation,
    Practice,
    Reader,
    Repeats,
    Timing,
    Truth,
)
from .images import Arm, Display, Image, Roi, RoiTask
from .loading import LoadedProtocol, json_schema, load_protocol, shipped_protocols, with_readers
from .models import Form, Protocol
from .questions import (
    Choice,
    ChoiceQuestion,
    Condition,
    ConfidenceQuestion,
    LikertQuestion,
    Question,
    TextQuestion,
)

__all__ = [
    "Adjudication",
    "Analysis",
    "Arm",
    "Blinding",
    "Choice",
    "ChoiceQuestion",
    "Condition",
    "ConfidenceQuestion",
    "Design",
    "Display",
    "Endpoint",
    "Form",
    "Image",
    "LikertQuestion",
    "LoadedProtocol",
    "Navigation",
    "Practice",
    "Protocol",
    "Question",
    "Reader",
    "Repeats",
    "Roi",
    "RoiTask",
    "TextQuestion",
    "Timing",
    "Truth",
    "json_schema",
    "load_protocol",
    "shipped_protocols",
    "telling_words",
    "with_readers",
]
