//! Foreign text, made safe to show. The words of nodes, contracts and files may hold control characters that a terminal
//! obeys, or marks that reverse the direction of reading.

use std::{fmt::Write, path::Path};

/// Length up to which a foreign text is shown, in characters.
const LENGTH: usize = 200;

/// Returns a foreign text with every character replaced that a terminal would obey or not show, cut after 200 characters.
pub fn printable(text: &str) -> String {
    let mut shown: String = text.chars().take(LENGTH).map(visible).collect();
    if text.chars().nth(LENGTH).is_some() {
        shown.push('…');
    }
    shown
}

/// Returns a path as [`whole`] text: a cut could hide the part that matters. It may come from another's command line or
/// folder.
pub fn path(path: &Path) -> String {
    whole(&path.to_string_lossy())
}

/// Returns a foreign text at its full length, with every character that a terminal would obey or not show written as its
/// code point, such as `\u{1b}`. Unlike [`printable`], this keeps names apart that differ in such a character alone.
pub fn whole(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_visible(character) {
            shown.push(character);
        } else {
            let _ = write!(shown, "{}", character.escape_unicode());
        }
    }
    shown
}

/// Returns whether a terminal shows the character, and does nothing else because of it.
pub fn is_visible(character: char) -> bool {
    character == '\u{fffd}' || visible(character) == character
}

/// Returns the character, or U+FFFD for one that can't be shown.
fn visible(character: char) -> char {
    match character {
        character if character.is_control() => '\u{fffd}',
        // The default-ignorable characters of Unicode, and separators of lines and paragraphs: soft hyphen, joiners,
        // fillers, marks and overrides of direction, variation selectors, tags.
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' => '\u{fffd}',
        character => character,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        // CSI in both spellings, an operating system command, carriage return, backspace, NEL, a bidirectional override,
        // an isolate, a zero-width space, a byte order mark, a tag.
        let text =
            "a\u{1b}[2K\u{9b}1A\u{1b}]0;x\u{7}\r\u{8}\n\u{85}\u{202e}\u{2066}\u{200b}\u{feff}\u{e0041}é漢";
        let shown = printable(text);
        assert_eq!(shown.chars().count(), text.chars().count());
        assert!(shown.starts_with("a\u{fffd}[2K\u{fffd}1A"), "{shown:?}");
        assert!(shown.ends_with("é漢"), "{shown:?}");
        assert!(shown.chars().all(|character| character == '\u{fffd}' || visible(character) == character));
        assert!(
            !shown
                .chars()
                .any(|character| character.is_control() || ('\u{200b}'..'\u{2070}').contains(&character))
        );
    }

    #[test]
    fn foreign_text_is_bounded() {
        assert_eq!(printable(&"x".repeat(LENGTH)), "x".repeat(LENGTH));
        assert_eq!(printable(&"é".repeat(1 << 20)), "é".repeat(LENGTH) + "…");
    }

    #[test]
    fn paths_stay_whole_and_apart() {
        assert_eq!(path(Path::new("a/\u{1b}[2Kb")), "a/\\u{1b}[2Kb");
        assert_ne!(path(Path::new("a\u{202e}")), path(Path::new("a\u{202d}")));
        let long = "d/".repeat(200) + "file";
        assert_eq!(path(Path::new(&long)), long);
    }
}
