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
    scope: list  # the namespaces and classes around it
    name: str
    line: int
    documented: bool


@dataclass
class Scope:
    names: list
    class_name: str = ""  # empty for a namespace
    public: bool = True
    documented_up_to: int = 0  # the line where the last documented member ends


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


def without_attributes(text):
    return re.sub(r"\[\[.*?\]\]", " ", text, flags=re.DOTALL).strip()


NOT_A_NAME = {
    "alignas", "auto", "decltype", "explicit", "if", "noexcept", "requires", "sizeof", "void",
}
CLASS = re.compile(
    r"(?:class|struct|union|enum(?:\s+(?:class|struct))?)\s+(?:\[\[.*?\]\]\s*|alignas\([^)]*\)\s*)*"
    r"([A-Za-z_]\w*)(?!\s*::)(\s*<)?", re.DOTALL)


def declared_name(statement, class_name=""):
    """The name that a statement declares in a namespace or, if named, in a class; else nothing.

    Members that only compilers and templates look for are not names: aliases, await_ready, ...
    """
    text = without_attributes(after_template_head(statement))
    if re.match(r"(static_assert|namespace|friend|extern\s+template|using\s+namespace)\b", text):
        return None
    if class_name and re.match(r"using\b|.*\b(await_\w+|promise_type)\b", text, re.DOTALL):
        return None
    if re.search(r"=\s*(delete|default)$", text):
        return None
    if match := re.match(r"(?:using|concept)\s+(\w+)\s*=", text):
        return match[1]
    if match := CLASS.match(text):
        return None if match[2] else match[1]  # a specialisation repeats a name
    if re.search(r"\boperator\b", text):
        return None
    for match in re.finditer(r"(~?[\w:]*\w)\s*\(", text):
        if match[1] in NOT_A_NAME or "=" in text[:match.start()]:
            continue
        if match[1].lstrip("~") == class_name:
            return None
        is_guide = re.match(r"(explicit\s+)?$", text[:match.start()])
        return None if is_guide or "::" in match[1] else match[1]
    if class_name or re.match(r"(inline|constexpr|extern|const)\b", text):
        variable = re.match(r".*?(\w+)\s*(=|\{|\[|$)", text, re.DOTALL)
        return variable and variable[1]
    return None


def matching_brace(code, start):
    depth = 0
    for position in range(start, len(code)):
        depth += {"{": 1, "}": -1}.get(code[position], 0)
        if depth == 0:
            return position
    return len(code) - 1


ACCESS = re.compile(r"\s*(public|protected|private)\s*:(?!:)")


def declarations(text):
    """Every declaration in a namespace and every public one in a class."""
    lines = text.splitlines()
    code = DIRECTIVE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), without_comments(text))
    scopes = []
    start = position = 0

    def skip_access():
        nonlocal start
        while scopes and (match := ACCESS.match(code, start)):
            scopes[-1].public = match[1] == "public"
            start = match.end()

    def declare(end):
        skip_access()
        statement = code[start:end]
        class_name = scopes[-1].class_name if scopes else ""
        name = declared_name(statement, class_name)
        if name and all(scope.public for scope in scopes):
            first = start + len(statement) - len(statement.lstrip())
            line = code.count("\n", 0, first) + 1
            last = code.count("\n", 0, end) + 1
            documented = line > 1 and lines[line - 2].strip().startswith("///")
            documented |= "///<" in lines[last - 1]
            if class_name:  # a docstring covers the members that follow without a blank line
                documented |= scopes[-1].documented_up_to == line - 1 > 0
                scopes[-1].documented_up_to = last if documented else 0
            yield Declaration([part for scope in scopes for part in scope.names], name, line,
                              documented)

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
            skip_access()
            head = code[start:position].strip()
            declared = without_attributes(after_template_head(head))
            if namespace := re.fullmatch(r"(?:inline\s+)?namespace\b\s*([\w:]*)", head):
                scopes.append(Scope((namespace[1] or "detail").split("::")))
                start = position + 1
            elif re.fullmatch(r'extern\s*"\s*"', head):
                scopes.append(Scope([]))
                start = position + 1
            elif (shape := CLASS.match(declared)) and not declared.startswith("enum"):
                yield from declare(position)
                # What a specialisation declares repeats names.
                names = ["detail"] if shape[2] else [shape[1]]
                scopes.append(Scope(names, shape[1], not declared.startswith("class")))
                start = position + 1
            else:
                end = matching_brace(code, position)
                follows = code[end + 1:].lstrip()[:1]
                if follows not in {",", "{", ";"} and not re.match(r"concept\b", declared):
                    yield from declare(position)
                    start = end + 1
                position = end
        position += 1
