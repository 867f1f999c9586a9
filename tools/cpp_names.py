"""Finds what a C++ header declares in its namespaces, by its shape and without a compiler."""

import re
from dataclasses import dataclass

COMMENT_OR_STRING = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<mark>[^\s()\\]{0,16})\(.*?\)(?P=mark)"'
    r"""|"(?:\\.|[^"\\\n])*"|(?<!\w)'(?:\\.|[^'\\\n])+'""",
    re.DOTALL)
DIRECTIVE = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*", re.MULTILINE)


def blank(match):
    """As many lines as the text had, and nothing else, so that line numbers stay."""
    text = match[0]
    if text.startswith(("//", "/*")):
        return re.sub(r"[^\n]", " ", text)
    return '"' + re.sub(r"[^\n]", " ", text[1:-1]) + '"'


def without_comments(text):
    return COMMENT_OR_STRING.sub(blank, text)


@dataclass
class Declaration:
    scope: list
    name: str
    line: int
    documented: bool


def after_template_head(text):
    """What follows `template <...>`, which may be repeated."""
    while match := re.match(r"\s*template\s*<", text):
        depth, end = 1, match.end()
        while depth and end < len(text):
            if text[end] == "<":
                depth += 1
            elif text[end] == ">" and text[end - 1] not in "-=":
                depth -= 1
            end += 1
        text = text[end:]
    return text.strip()


NOT_A_NAME = {
    "alignas", "auto", "decltype", "explicit", "if", "noexcept", "requires", "sizeof", "void",
}
CLASS = re.compile(
    r"(?:class|struct|union|enum(?:\s+(?:class|struct))?)\s+(?:\[\[.*?\]\]\s*|alignas\([^)]*\)\s*)*"
    r"([A-Za-z_]\w*)(?!\s*::)(\s*<)?", re.DOTALL)


def declared_name(statement):
    """The name that a statement at namespace scope declares, else nothing."""
    text = re.sub(r"\[\[.*?\]\]", " ", after_template_head(statement), flags=re.DOTALL).strip()
    if re.match(r"(static_assert|namespace|friend|extern\s+template|using\s+namespace)\b", text):
        return None
    if match := re.match(r"(?:using|concept)\s+(\w+)\s*=", text):
        return match[1]
    if match := CLASS.match(text):
        return None if match[2] else match[1]  # a specialisation repeats a name
    if "operator" in text:
        return None
    for match in re.finditer(r"(~?[\w:]*\w)\s*\(", text):
        if match[1] in NOT_A_NAME or "=" in text[:match.start()]:
            continue
        is_guide = re.match(r"(explicit\s+)?$", text[:match.start()])
        return None if is_guide or "::" in match[1] else match[1]
    variable = re.match(r"(inline|constexpr|extern|const)\b.*?(\w+)\s*(=|\{|$)", text, re.DOTALL)
    return variable and variable[2]


def blank_directive(match):
    return re.sub(r"[^\n]", " ", match[0])


def matching_brace(code, start):
    depth = 0
    for position in range(start, len(code)):
        depth += {"{": 1, "}": -1}.get(code[position], 0)
        if depth == 0:
            return position
    return len(code) - 1


def declarations(text):
    """Every declaration at namespace scope, class members not included."""
    lines = text.splitlines()
    code = DIRECTIVE.sub(blank_directive, without_comments(text))
    scopes = []  # one list of names for each open namespace
    start = position = 0

    def declare(end):
        statement = code[start:end]
        name = declared_name(statement)
        if name:
            first = start + len(statement) - len(statement.lstrip())
            line = code.count("\n", 0, first) + 1
            above = lines[line - 2].strip() if line > 1 else ""
            scope = [part for names in scopes for part in names]
            yield Declaration(scope, name, line, above.startswith("///"))

    while position < len(code):
        character = code[position]
        if character == ";":
            yield from declare(position)
            start = position + 1
        elif character == "}":
            if scopes:
                scopes.pop()
            start = position + 1
        elif character == "{":
            head = code[start:position].strip()
            if namespace := re.fullmatch(r"(?:inline\s+)?namespace\b\s*([\w:]*)", head):
                scopes.append((namespace[1] or "detail").split("::"))
                start = position + 1
            elif re.fullmatch(r'extern\s*"\s*"', head):
                scopes.append([])
                start = position + 1
            else:
                end = matching_brace(code, position)
                follows = code[end + 1:].lstrip()[:1]
                is_concept = re.match(r"concept\b", after_template_head(head))
                if follows not in {",", "{", ";"} and not is_concept:
                    yield from declare(position)
                    start = end + 1
                position = end
        position += 1
