"""Texts that look like a credential, whatever the variable is called that holds them."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections import Counter
from collections.abc import Iterable

__all__ = ["REDACTED", "looks_secret", "without_authorization", "without_url_credentials"]

REDACTED = "$$_posthog_redacted_based_on_masking_rules_$$"
"""What PostHog shows as hidden."""

SHORTEST = 16
LEAST_ENTROPY = 3.8
"""Bits a character; words and numbers have less."""
LEAST_CLASSES = 3
"""Of lower case, upper case, digits and others."""

_FORMATS = {
    "anthropic": r"sk-ant-[\w-]{16,}",
    "openai": r"sk-(?:proj-)?[\w-]{20,}",
    "huggingface": r"hf_[A-Za-z0-9]{34}",
    "aws": r"A(?:KIA|SIA|GPA|IDA|ROA|IPA|NPA|NVA|BIA|CCA)[A-Z0-9]{16}",
    "google": r"AIza[\w-]{35}|ya29\.[\w-]{20,}",
    "digitalocean": r"do[opr]_v1_[a-f0-9]{64}",
    "stripe": r"[spr]k_(?:live|test)_[A-Za-z0-9]{16,}",
    "square": r"sq0[a-z]{3}-[\w-]{22,43}",
    "github": r"gh[oprsu]_[A-Za-z0-9]{36}|github_pat_\w{20,}",
    "gitlab": r"gl(?:pat|ptt|rt|soat)-[\w-]{20}",
    "grafana": r"glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}",
    "posthog": r"ph[xs]_[A-Za-z0-9]{20,}",
    "slack": r"xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-\d-[A-Za-z0-9-]{10,}",
    "twilio": r"SK[a-fA-F0-9]{32}",
    "sendgrid": r"SG\.[\w-]{22}\.[\w-]{43}",
    "mailgun": r"key-[a-f0-9]{32}",
    "mailchimp": r"[a-f0-9]{32}-us\d{1,2}",
    "npm": r"npm_[A-Za-z0-9]{36}",
    "pypi": r"pypi-AgEI[\w-]{50,}",
    "databricks": r"dapi[a-f0-9]{32}",
    "doppler": r"dp\.pt\.[A-Za-z0-9]{40,}",
    "postman": r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}",
    "linear": r"lin_api_[A-Za-z0-9]{40}",
    "notion": r"ntn_[A-Za-z0-9]{40,}",
    "shopify": r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}",
    "newrelic": r"NR(?:AK|JS|II|MA|RA)-[A-Za-z0-9]{27}",
    "jwt": r"eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{6,}",
}
"""How the tokens of well-known services begin; some have too little variety to be noticed otherwise."""

_KNOWN = re.compile("|".join(_FORMATS.values()), re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_WORD_OF_PATH = re.compile(r"[a-z][a-z.]*")
_HEX = frozenset("0123456789abcdefABCDEF")
_OF_STRUCTURES = frozenset("()[]{}<>'\"`,;")
"""What a representation of an object has and a token has not."""

_URL_CREDENTIALS = re.compile(r"([a-z][a-z0-9+.-]{0,30}://)(?=[^/@\s]*:)[^/\s]*@", re.IGNORECASE)
_AUTHORIZATION = re.compile(r"\b(bearer|basic)((?:\s*:\s*|\s+)['\"]?)([\w.~+/-]+=*)", re.IGNORECASE | re.ASCII)
_SHORTEST_CREDENTIAL = 8
_LONGEST_WORD = 15


def looks_secret(text: str) -> bool:
    """Return whether a text is likely a key, a token or a strong password. Hexadecimal digests and ids are not."""
    if "PRIVATE KEY-----" in text:
        return True
    return len(text) >= SHORTEST and (_is_random(text) or _KNOWN.search(text) is not None)


def _is_random(text: str) -> bool:
    if _is_readable(text) or _UUID.fullmatch(text):
        return False
    counts = Counter(text)
    characters = counts.keys()
    if characters & _OF_STRUCTURES or characters <= _HEX or any(map(str.isspace, characters)):
        return False
    if _classes(characters) < LEAST_CLASSES:
        return False
    shares = [count / len(text) for count in counts.values()]
    return -sum(share * math.log2(share) for share in shares) >= LEAST_ENTROPY


def _classes(characters: Iterable[str]) -> int:
    kinds = set()
    for character in characters:
        if character.islower():
            kinds.add("lower")
        elif character.isupper():
            kinds.add("upper")
        else:
            kinds.add("digit" if character.isdigit() else "other")
    return len(kinds)


def _is_readable(text: str) -> bool:
    """Return whether it is prose, a URL or a path."""
    if " " in text or "://" in text or "\\" in text:
        return True
    return "/" in text and sum(1 for part in text.split("/") if _WORD_OF_PATH.fullmatch(part)) >= 2


def without_url_credentials(text: str) -> str:
    """Return the text with ``user:password`` of every URL in it hidden."""
    return _URL_CREDENTIALS.sub(rf"\g<1>{REDACTED}@", text) if "://" in text else text


def without_authorization(text: str) -> str:
    """Return the text with what follows ``Bearer`` or ``Basic`` hidden, unless it is but a word."""
    return _AUTHORIZATION.sub(_hide_credential, text)


def _hide_credential(match: re.Match[str]) -> str:
    scheme, between, credential = match.groups()
    is_word = len(credential) <= _LONGEST_WORD and credential.isalpha() and credential.islower()
    is_short = len(credential) < _SHORTEST_CREDENTIAL
    if (is_word or is_short) and not (scheme.lower() == "basic" and _is_pair(credential)):
        return match[0]
    return f"{scheme}{between}{REDACTED}"


def _is_pair(credential: str) -> bool:
    try:
        return b":" in base64.b64decode(credential, validate=True)
    except (binascii.Error, ValueError):
        return False
