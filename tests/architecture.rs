//! Reads every file of src/ and fails on a broken house rule (src/README.md): an import that goes up or sideways,
//! Python outside the front door, `unsafe` outside the kernels, a lifted ban, an unfinished mark, a file grown too long.
//!
//! Each file is cut into words (comments, strings and character literals fall away), and the rules look at words only.
//! Imports are found as paths: whatever follows `crate::`, or a chain of `super::` that climbs to the crate's root.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Imports between modules of one floor that are allowed, as (from, to).
/// When a third room needs a thing, it moves down a floor instead of adding a line here.
const SIDEWAYS: [(&str, &str); 3] = [("ensemble", "tree"), ("cluster", "neighbors"), ("svm", "linear_model")];

/// Modules that may hold `unsafe`.
const UNSAFE: [&str; 4] = ["common", "linalg", "metrics", "python"];

/// Longest file, in lines. Past it there is a second concept in the file.
const MAX_LINES: usize = 650;

/// The floor of a top-level module of src/; whatever has no floor of its own is a room.
fn floor(module: &str) -> u8 {
    match module {
        "common" => 0,
        "linalg" => 1,
        "metrics" | "loss" | "optimize" => 2,
        "python" => 4,
        _ => 3,
    }
}

/// Whether `from` may import `to`: down, within itself, or sideways where listed.
fn may_import(from: &str, to: &str) -> bool {
    from == to || floor(to) < floor(from) || SIDEWAYS.contains(&(from, to))
}

// ---- reading ----

/// One word of source and the line it stands on, counted from 1.
#[derive(Debug, Clone, PartialEq)]
struct Word {
    text: String,
    line: usize,
}

/// Cuts source into identifiers, `::` and single signs. Comments, strings, characters and lifetimes fall away.
fn words(source: &str) -> Vec<Word> {
    let chars: Vec<char> = source.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let (mut found, mut i, mut line) = (Vec::new(), 0, 1);
    while i < chars.len() {
        let start = i;
        let c = chars[i];
        if c == '/' && at(i + 1) == '/' {
            i += chars[i..].iter().position(|&c| c == '\n').unwrap_or(chars.len() - i);
        } else if c == '/' && at(i + 1) == '*' {
            i = end_of_comment(&chars, i);
        } else if let Some(end) = end_of_string(&chars, i) {
            i = end;
        } else if c == '\'' {
            i = end_of_quote(&chars, i);
        } else if is_ident(c) {
            i += chars[i..].iter().position(|&c| !is_ident(c)).unwrap_or(chars.len() - i);
            found.push(Word { text: chars[start..i].iter().collect(), line });
        } else if c == ':' && at(i + 1) == ':' {
            found.push(Word { text: "::".into(), line });
            i += 2;
        } else {
            if !c.is_whitespace() {
                found.push(Word { text: c.into(), line });
            }
            i += 1;
        }
        line += chars[start..i].iter().filter(|&&c| c == '\n').count();
    }
    found
}

fn is_ident(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// End of the block comment that starts at `i`; block comments nest.
fn end_of_comment(chars: &[char], mut i: usize) -> usize {
    let mut depth = 0;
    while i < chars.len() {
        match (chars[i], chars.get(i + 1)) {
            ('/', Some('*')) => depth += 1,
            ('*', Some('/')) => depth -= 1,
            _ => {
                i += 1;
                continue;
            }
        }
        i += 2;
        if depth == 0 {
            break;
        }
    }
    i
}

/// End of the string literal that starts at `i` (plain, byte, C or raw), or None when none starts there.
fn end_of_string(chars: &[char], i: usize) -> Option<usize> {
    let mut at = i;
    while at < i + 2 && matches!(chars.get(at), Some('b' | 'c' | 'r')) {
        at += 1;
    }
    let raw = at > i && chars[at - 1] == 'r';
    let hashes = if raw { chars[at..].iter().take_while(|&&c| c == '#').count() } else { 0 };
    at += hashes;
    if chars.get(at) != Some(&'"') {
        return None;
    }
    at += 1;
    while at < chars.len() {
        match chars[at] {
            '\\' if !raw => at += 2,
            '"' if chars[at + 1..].iter().take_while(|&&c| c == '#').count() >= hashes => return Some(at + 1 + hashes),
            _ => at += 1,
        }
    }
    Some(chars.len())
}

/// End of the character literal or the lifetime that starts at `i`.
fn end_of_quote(chars: &[char], i: usize) -> usize {
    match (chars.get(i + 1), chars.get(i + 2)) {
        // The escaped sign may itself be a quote.
        (Some('\\'), _) => {
            chars[(i + 3).min(chars.len())..].iter().position(|&c| c == '\'').map_or(chars.len(), |end| i + 3 + end + 1)
        }
        (Some(_), Some('\'')) => i + 3,
        _ => i + 1 + chars[i + 1..].iter().take_while(|&&c| is_ident(c)).count(),
    }
}

/// The top-level modules that a file imports, as (name, line). `module` is the path of the file's module, from the root.
fn imports(module: &[String], words: &[Word]) -> Vec<(String, usize)> {
    let text = |i: usize| words.get(i).map_or("", |w: &Word| w.text.as_str());
    let mut found = Vec::new();
    // Inline modules around the current word, each with the depth of braces inside it.
    let (mut depth, mut inline): (usize, Vec<usize>) = (0, Vec::new());
    let mut i = 0;
    while i < words.len() {
        match text(i) {
            "{" => depth += 1,
            "}" => {
                inline.retain(|&inner| inner < depth);
                depth = depth.saturating_sub(1);
            }
            "mod" if text(i + 2) == "{" => inline.push(depth + 1),
            // `crate` without a path behind it is a visibility, pub(crate), or a renaming of the root.
            "crate" if text(i + 1) == "::" => collect_heads(words, i + 2, &mut found),
            "crate" if text(i + 1) == "as" => found.push(("crate".into(), words[i].line)),
            "super" => {
                let mut levels = 1;
                while text(i + 1) == "::" && text(i + 2) == "super" {
                    levels += 1;
                    i += 2;
                }
                if text(i + 1) == "::" && levels == module.len() + inline.len() {
                    collect_heads(words, i + 2, &mut found);
                }
            }
            _ => {}
        }
        i += 1;
    }
    found
}

/// Adds the first names of the path or of the group `{a::b, c}` that starts at `i`.
fn collect_heads(words: &[Word], i: usize, found: &mut Vec<(String, usize)>) {
    let Some(first) = words.get(i) else { return };
    if first.text != "{" {
        found.push((first.text.clone(), first.line));
        return;
    }
    let mut depth = 0;
    let mut head = false;
    for word in &words[i..] {
        match word.text.as_str() {
            "{" => {
                depth += 1;
                head = depth == 1;
            }
            "}" if depth == 1 => return,
            "}" => depth -= 1,
            "," => head = depth == 1,
            _ if head => {
                found.push((word.text.clone(), word.line));
                head = false;
            }
            _ => {}
        }
    }
}

// ---- judging ----

/// The module path of a file of src/: `cluster/kmeans/mod.rs` is `[cluster, kmeans]`, `lib.rs` is the root, `[]`.
fn module_of(file: &str) -> Vec<String> {
    let mut parts: Vec<String> = file.trim_end_matches(".rs").split('/').map(String::from).collect();
    if matches!(parts.last().map(String::as_str), Some("mod" | "lib")) {
        parts.pop();
    }
    parts
}

/// Every broken rule in one file. `file` is its path below src/, `modules` the top-level modules there are.
fn broken_rules(file: &str, source: &str, modules: &BTreeSet<String>) -> Vec<String> {
    let words = words(source);
    let module = module_of(file);
    let own = module.first().map_or("", String::as_str);
    let mut broken = Vec::new();

    let lines = source.lines().count();
    if lines > MAX_LINES {
        broken.push(format!("src/{file}: {lines} lines, more than {MAX_LINES}"));
    }
    let mut report = |line: usize, what: String| broken.push(format!("src/{file}:{line}: {what}"));
    for (i, word) in words.iter().enumerate() {
        let next = words.get(i + 1).map_or("", |w| w.text.as_str());
        match word.text.as_str() {
            "pyo3" | "numpy" if own != "python" => report(word.line, format!("{} outside src/python/", word.text)),
            "todo" | "unimplemented" if next == "!" => report(word.line, format!("unfinished: {}!", word.text)),
            "unsafe" if !UNSAFE.contains(&own) => {
                report(word.line, format!("unsafe outside {}", UNSAFE.map(|m| format!("{m}/")).join(", ")));
            }
            "disallowed_types" | "disallowed_methods" if own != "common" => {
                report(word.line, format!("clippy.toml's ban {} lifted outside common/", word.text));
            }
            _ => {}
        }
    }
    // The root is the table of contents: it names everything and has no floor.
    if own.is_empty() {
        return broken;
    }
    for (name, line) in imports(&module, &words) {
        if !modules.contains(&name) {
            report(line, format!("crate::{name} is no module of src/: name a thing by the module that holds it"));
        } else if !may_import(own, &name) {
            report(line, format!("{own} (floor {}) imports {name} (floor {})", floor(own), floor(&name)));
        }
    }
    broken
}

/// Paths of all Rust files below `folder`, sorted.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .expect("a folder of src/ can be read")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    entries.sort();
    let mut files = Vec::new();
    for path in entries {
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn the_house_rules_hold() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files: Vec<(String, PathBuf)> = rust_files(&src)
        .into_iter()
        .map(|path| (path.strip_prefix(&src).expect("below src/").to_string_lossy().replace('\\', "/"), path))
        .collect();
    assert!(files.iter().any(|(file, _)| file == "lib.rs"), "src/lib.rs was not found");
    let modules = files.iter().filter_map(|(file, _)| module_of(file).first().cloned()).collect();
    let broken: Vec<String> = files
        .iter()
        .flat_map(|(file, path)| broken_rules(file, &fs::read_to_string(path).expect("UTF-8 source"), &modules))
        .collect();
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

/// The checker itself, on small strings: it must be able to fail.
mod checker {
    use super::*;

    const MODULES: [&str; 9] =
        ["common", "linalg", "metrics", "loss", "optimize", "cluster", "neighbors", "tree", "python"];

    fn broken(file: &str, source: &str) -> Vec<String> {
        broken_rules(file, source, &MODULES.map(String::from).into())
    }

    #[track_caller]
    fn assert_holds(file: &str, source: &str) {
        assert_eq!(broken(file, source), Vec::<String>::new());
    }

    #[track_caller]
    fn assert_breaks(file: &str, source: &str, part: &str) {
        let found = broken(file, source);
        assert!(found.len() == 1 && found[0].contains(part), "wanted one line with {part:?}, got {found:?}");
    }

    #[test]
    fn imports_go_down() {
        assert_holds("python/cluster.rs", "use crate::{cluster::kmeans, common::Context};");
        assert_holds("cluster/kmeans/mod.rs", "use crate::metrics::argmin; use crate::optimize::lbfgs;");
        assert_holds("metrics/mod.rs", "use crate::linalg::gemm;");
        assert_holds("cluster/mod.rs", "use crate::cluster::kmeans; use crate::neighbors::tree;");
        assert_holds("lib.rs", "pub mod cluster; pub use crate::cluster::kmeans;");
    }

    #[test]
    fn imports_do_not_go_up() {
        assert_breaks("common/mod.rs", "use crate::linalg::gemm;", "common (floor 0) imports linalg (floor 1)");
        assert_breaks("linalg/gemm.rs", "use crate::metrics;", "linalg (floor 1) imports metrics (floor 2)");
        assert_breaks("metrics/mod.rs", "fn f() { crate::cluster::g() }", "imports cluster");
        assert_breaks("cluster/mod.rs", "use crate::python::run;", "imports python");
    }

    #[test]
    fn imports_do_not_go_sideways() {
        assert_breaks("metrics/mod.rs", "use crate::loss::log;", "metrics (floor 2) imports loss (floor 2)");
        assert_breaks("neighbors/mod.rs", "use crate::cluster::kmeans;", "imports cluster");
        assert_breaks("cluster/mod.rs", "use crate::tree::node;", "imports tree");
    }

    #[test]
    fn groups_are_opened() {
        let group = "use crate::{\n    common::{Context, error::Error},\n    tree,\n};";
        assert_breaks("cluster/mod.rs", group, "src/cluster/mod.rs:3: cluster (floor 3) imports tree");
        assert_breaks("common/mod.rs", "use crate::{common::a, linalg::{b, c}};", "imports linalg");
    }

    #[test]
    fn super_reaches_the_root() {
        assert_breaks("common/mod.rs", "use super::linalg;", "imports linalg");
        assert_breaks("common/simd.rs", "use super::super::{linalg::x, common::y};", "imports linalg");
        assert_breaks("common/simd.rs", "mod tests { use super::super::super::linalg; }", "imports linalg");
        assert_holds("common/simd.rs", "mod tests { use super::super::linalg; } use super::cluster;");
        assert_holds("common/mod.rs", "mod tests { use super::linalg; } fn f() {}");
        assert_breaks("common/mod.rs", "mod tests { fn f() {} } use super::linalg;", "imports linalg");
    }

    #[test]
    fn the_root_has_no_other_door() {
        assert_breaks("cluster/mod.rs", "use crate as mlfast;", "crate::crate is no module");
        assert_breaks("cluster/mod.rs", "use crate::*;", "crate::* is no module");
        assert_breaks("cluster/mod.rs", "use crate::Context;", "crate::Context is no module");
        assert_holds("cluster/mod.rs", "pub(crate) fn f() {} pub(in crate::cluster) fn g() {}");
    }

    #[test]
    fn python_stays_at_the_front_door() {
        assert_holds("python/array.rs", "use numpy::PyArray; use pyo3::prelude::*;");
        assert_breaks("cluster/mod.rs", "use pyo3::prelude::*;", "pyo3 outside src/python/");
        assert_breaks("common/error.rs", "fn f(x: numpy::PyArray1<f64>) {}", "numpy outside src/python/");
        assert_breaks("lib.rs", "#[pyo3::pymodule] mod _core {}", "pyo3 outside");
    }

    #[test]
    fn unsafe_stays_in_the_kernels() {
        for module in UNSAFE {
            assert_holds(&format!("{module}/x.rs"), "unsafe { f() }");
        }
        assert_breaks("cluster/kmeans/lloyd.rs", "unsafe { f() }", "unsafe outside");
        assert_holds("cluster/mod.rs", "#![forbid(unsafe_code)]");
    }

    #[test]
    fn bans_are_lifted_in_common_only() {
        let lifted = "#[allow(clippy::disallowed_methods, reason = \"the only reader\")] fn f() {}";
        assert_holds("common/env.rs", lifted);
        assert_breaks("cluster/mod.rs", lifted, "lifted outside common/");
    }

    #[test]
    fn unfinished_marks_are_found() {
        assert_breaks("linalg/mod.rs", "fn f() { todo!() }", "todo!");
        assert_breaks("linalg/mod.rs", "fn f() { unimplemented!(\"later\") }", "unimplemented!");
        assert_holds("linalg/mod.rs", "fn todo() {}");
    }

    #[test]
    fn long_files_are_found() {
        assert_holds("linalg/mod.rs", &"\n".repeat(MAX_LINES));
        assert_breaks("linalg/mod.rs", &"\n".repeat(MAX_LINES + 1), "651 lines");
    }

    #[test]
    fn words_skip_comments_and_literals() {
        assert_holds("linalg/mod.rs", "// use crate::cluster;\n/* /* todo!() */ use crate::tree; */\n//! pyo3");
        assert_holds(
            "linalg/mod.rs",
            "const A: &str = \"\\\" use crate::tree\"; const B: &str = r#\"\" crate::tree\"#;",
        );
        assert_holds("linalg/mod.rs", "const A: &[u8] = b\"pyo3\"; const C: &[u8] = br\"crate::tree\";");
        // A quote or a brace in a character literal, and a lifetime, must not swallow what follows.
        assert_breaks("linalg/mod.rs", "const Q: char = '\"'; use crate::tree;", "imports tree");
        assert_breaks("linalg/mod.rs", "const Q: char = '\\''; use crate::tree; const R: char = '{';", "imports tree");
        assert_breaks("linalg/mod.rs", "fn f<'a>(x: &'a u8) { crate::tree::g(x) }", "imports tree");
        assert_breaks("linalg/mod.rs", "fn bar() { crate::tree::g() } // \"", "imports tree");
    }

    #[test]
    fn lines_are_counted_through_literals() {
        let source = "/* a\nb */ const A: &str = \"c\nd\";\nuse crate::tree;";
        assert_breaks("linalg/mod.rs", source, "src/linalg/mod.rs:4:");
    }
}
