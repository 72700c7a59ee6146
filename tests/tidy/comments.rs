//! Comments, docstrings and Markdown text of a file, line by line, without code.
//!
//! Lines are enough here: a rule about prose does not need to parse the code around it.

/// A line of prose.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct ProseLine {
    pub(super) line: usize,
    /// The text without comment signs and without code in backticks.
    pub(super) text: String,
    /// The width of the whole line in columns, `0` if it may have any width.
    pub(super) columns: usize,
    /// Whether the documentation of a function begins here.
    pub(super) begins_function_doc: bool,
}

impl ProseLine {
    fn new(line: usize, text: &str, whole: &str) -> Self {
        let columns = whole.chars().count();
        Self { line, text: without_code(text), columns, begins_function_doc: false }
    }
}

/// Returns the prose of a Rust, Python or Markdown file, and no lines for other files.
pub(super) fn prose_of(path: &str, text: &str) -> Vec<ProseLine> {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("rs") => rust(text),
        Some("py" | "pyi") => python(text),
        Some("md") => markdown(text),
        _ => Vec::new(),
    }
}

fn rust(text: &str) -> Vec<ProseLine> {
    let mut prose = Vec::new();
    let mut doc = None;
    for (index, line) in text.lines().enumerate() {
        let code = line.trim_start();
        if let Some(comment) = code.strip_prefix("//") {
            let is_doc = comment.starts_with('/') && !comment.starts_with("//");
            doc = if is_doc { doc.or(Some(prose.len())) } else { None };
            prose.push(ProseLine::new(index + 1, comment.trim_start_matches(['/', '!']), line));
        } else if !code.starts_with("#[") {
            if let Some((_, comment)) = line.split_once(" // ").filter(|_| !line.contains('"')) {
                prose.push(ProseLine::new(index + 1, comment, line));
            }
            if let Some(first) = doc.take().filter(|_| is_function(code)) {
                prose[first].begins_function_doc = true;
            }
        }
    }
    prose
}

/// Whether the first line of a declaration is that of a function.
fn is_function(code: &str) -> bool {
    let before = code.split("fn ").next().unwrap_or_default();
    let modifiers = ["pub", "const", "async", "unsafe", "extern", "default"];
    let is_modifier = |word: &str| word.starts_with('"') || modifiers.iter().any(|modifier| word.starts_with(modifier));
    code.contains("fn ") && before.split_whitespace().all(|word| is_modifier(word) || word.ends_with(')'))
}

/// The reading position in a Python file: between the lines of a string, or behind the first line of a function.
#[derive(Clone, Copy, PartialEq)]
enum PythonState {
    Code,
    InFunctionHead,
    AfterFunctionHead,
    InString { quotes: &'static str, is_doc: bool },
}

fn python(text: &str) -> Vec<ProseLine> {
    let mut prose = Vec::new();
    let mut state = PythonState::Code;
    for (index, line) in text.lines().enumerate() {
        let code = line.trim();
        let mut add = |text: &str, begins_function_doc| {
            prose.push(ProseLine { begins_function_doc, ..ProseLine::new(index + 1, text, line) });
        };
        if let PythonState::InString { quotes, is_doc } = state {
            if is_doc {
                add(code.trim_end_matches(quotes), false);
            }
            state = if line.contains(quotes) { PythonState::Code } else { state };
        } else if let Some(comment) = code.strip_prefix('#') {
            add(comment, false);
        } else if let Some(quotes) = ["\"\"\"", "'''"].into_iter().find(|quotes| code.contains(quotes)) {
            let is_doc = code.starts_with(quotes);
            if is_doc {
                let text = code.trim_start_matches(quotes).trim_end_matches(quotes);
                add(text, state == PythonState::AfterFunctionHead);
            }
            let is_open = code.matches(quotes).count() % 2 == 1;
            state = if is_open { PythonState::InString { quotes, is_doc } } else { PythonState::Code };
        } else if !code.is_empty() {
            let (code, comment) = code.split_once("  # ").unwrap_or((code, ""));
            if !comment.is_empty() {
                add(comment, false);
            }
            state = after_python_line(state, code);
        }
    }
    prose
}

fn after_python_line(state: PythonState, code: &str) -> PythonState {
    let is_head = code.starts_with("def ") || code.starts_with("async def ") || state == PythonState::InFunctionHead;
    match is_head {
        true if code.ends_with(':') => PythonState::AfterFunctionHead,
        true if !code.ends_with("...") => PythonState::InFunctionHead,
        _ => PythonState::Code,
    }
}

fn markdown(text: &str) -> Vec<ProseLine> {
    let mut prose = Vec::new();
    let mut is_code = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            let may_be_wide = line.trim_start().starts_with('|') || line.contains("](") || line.contains("://");
            let whole = if may_be_wide { "" } else { line };
            prose.push(ProseLine::new(index + 1, line, whole));
        }
    }
    prose
}

/// Returns `text` without the parts between backticks.
fn without_code(text: &str) -> String {
    text.split('`').step_by(2).collect::<Vec<_>>().join("…").trim().to_owned()
}

#[test]
fn prose_is_separated_from_code() {
    let texts = |path: &str, text: &str| -> Vec<(usize, String, bool)> {
        let lines = prose_of(path, text).into_iter();
        lines.map(|line| (line.line, line.text, line.begins_function_doc)).collect()
    };
    let line = |line, text: &str, is_doc| (line, text.to_owned(), is_doc);
    let rust = "//! Head.\n/// Returns `x` now.\n/// More.\n#[must_use]\npub(super) const fn f() {} // Why.\n/// A type.\nstruct T;\n";
    let expected = [
        line(1, "Head.", false),
        line(2, "Returns … now.", true),
        line(3, "More.", false),
        line(5, "Why.", false),
        line(6, "A type.", false),
    ];
    assert_eq!(texts("a.rs", rust), expected);
    let python = "\"\"\"Module.\"\"\"\ndef f(\n    a,\n) -> int:\n    \"\"\"Sends.\n\n    Twice.\n    \"\"\"\n    x = \"\"\"\n# text\n\"\"\"\n    # Why.\n";
    let expected = [
        line(1, "Module.", false),
        line(5, "Sends.", true),
        line(6, "", false),
        line(7, "Twice.", false),
        line(8, "", false),
        line(12, "Why.", false),
    ];
    assert_eq!(texts("a.py", python), expected);
    assert_eq!(texts("a.md", "# A\n```text\nwho\n```\nB\n"), [line(1, "# A", false), line(5, "B", false)]);
    let widths: Vec<usize> = prose_of("a.md", "| a |\n[a](b)\nabc\n").iter().map(|line| line.columns).collect();
    assert_eq!(widths, [0, 0, 3]);
}
