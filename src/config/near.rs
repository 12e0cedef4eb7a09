//! "Did you mean": the known word that a mistyped one is nearest to. Pure; for error texts only.

/// The known word nearest to `word`: one that begins like it, else the one with the fewest wrong letters, at most
/// a third of them. `None` when nothing is near.
pub fn near<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let word = word.to_lowercase().replace('-', "_");
    let limit = (word.chars().count() / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in known {
        let plain = candidate.to_lowercase().replace('-', "_");
        let begins = word.len() >= 3 && (plain.starts_with(&word) || word.starts_with(&plain));
        let wrong = if begins { 0 } else { distance(&word, &plain) };
        if wrong <= limit && best.is_none_or(|(least, _)| wrong < least) {
            best = Some((wrong, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Letters to insert, remove or replace (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, letter) in left.chars().enumerate() {
        let mut previous = line + 1;
        let mut next = vec![previous];
        for (pair, other) in row.windows(2).zip(&right) {
            if let &[diagonal, above] = pair {
                previous = (diagonal + usize::from(letter != *other)).min(above + 1).min(previous + 1);
                next.push(previous);
            }
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}
