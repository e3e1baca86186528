//! How much one page may weigh, and how much one may look through for it: rows and results may have addresses of 64 KiB and
//! evidence of 256 KiB, and whoever reads slowly keeps a page in memory for as long.

/// Bytes of rows or results on a page for callers: 4 MiB with what stands around them. A page of ordinary ones is far below.
const PAGE_BYTES: usize = (4 * 1_024 - 64) * 1_024;
/// Bytes of rows on a page for people, which shows each address several times, and in a piece of a file.
const PART_BYTES: usize = 1_024 * 1_024;
/// Bytes that one page looks through: some ten milliseconds of a reader, whatever its rows are like.
const LOOK_BYTES: usize = 8 * 1_024 * 1_024;
/// What a row or a result weighs beside its texts: names of members, punctuation, numbers.
const EACH: usize = 512;

/// What is left of a bound. What comes first always has room, however large it is: every page goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    left: usize,
    is_fresh: bool,
    is_full: bool,
}

impl Room {
    const fn new(bytes: usize) -> Self {
        Self { left: bytes, is_fresh: true, is_full: false }
    }

    /// Of what a page for callers shows.
    pub(crate) const fn of_page() -> Self {
        Self::new(PAGE_BYTES)
    }

    /// Of what a page for people shows, or a piece of a file.
    pub(crate) const fn of_part() -> Self {
        Self::new(PART_BYTES)
    }

    /// Of what a page looks through.
    pub(crate) const fn of_look() -> Self {
        Self::new(LOOK_BYTES)
    }

    /// Takes room for something of so many bytes; `false`: there is none, and will be none for anything behind it.
    pub(crate) fn take(&mut self, bytes: usize) -> bool {
        let bytes = bytes.saturating_add(EACH);
        if self.is_full || (!self.is_fresh && bytes > self.left) {
            self.is_full = true;
            return false;
        }
        (self.left, self.is_fresh) = (self.left.saturating_sub(bytes), false);
        true
    }

    /// As [`Self::take`], for a row.
    pub(crate) fn take_row(&mut self, row: &protocol::Row) -> bool {
        let optional = [&row.offer_name, &row.expected_domain, &row.accepted_url, &row.final_url, &row.error, &row.skip_reason];
        let texts = optional.into_iter().flatten().chain([&row.source, &row.row_id, &row.tracking_url]);
        let parameters: usize = row.required_parameters.iter().map(|parameter| written(&parameter.to_string())).sum();
        self.take(texts.map(|text| written(text)).sum::<usize>() + parameters)
    }

    /// Whether something has found no room.
    pub(crate) const fn is_full(&self) -> bool {
        self.is_full
    }
}

/// Bytes of a text in JSON: these two take one more; others that do are no part of our texts.
pub(crate) fn written(text: &str) -> usize {
    text.len() + text.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_first_always_has_room_and_nothing_has_behind_what_found_none() {
        let mut room = Room::new(10_000);
        assert!(room.take(20_000), "the first");
        assert!(!room.is_full());
        assert!(!room.take(1) && room.is_full());
        let mut room = Room::new(10_000);
        assert!(room.take(4_000) && room.take(4_000));
        assert!(!room.take(4_000) && !room.take(1), "what follows would stand before what did not fit");
    }
}
