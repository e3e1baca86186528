//! Tables: a caption for whoever does not see the page, headers that sort by asking the server, and columns that leave
//! narrow screens in order of how little they are missed.

use maud::{Markup, html};

use crate::Icon;

/// How long a column stays when the screen gets narrow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// On every screen.
    #[default]
    Always,
    /// From tablets on.
    Medium,
    /// On wide screens only.
    Wide,
}

impl Keep {
    /// The class of header and cells.
    #[must_use]
    pub const fn class(self) -> Option<&'static str> {
        match self {
            Self::Always => None,
            Self::Medium => Some("from-medium"),
            Self::Wide => Some("from-wide"),
        }
    }
}

/// The way in which a table is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Smallest, first or oldest on top.
    Rising,
    /// Largest, last or newest on top.
    Falling,
}

impl Order {
    /// The other way round.
    #[must_use]
    pub const fn turned(self) -> Self {
        match self {
            Self::Rising => Self::Falling,
            Self::Falling => Self::Rising,
        }
    }
}

/// One column.
#[derive(Clone, Debug, Default)]
pub struct Column<'a> {
    /// What its header says.
    pub name: &'a str,
    /// Numbers stand at the right.
    pub numeric: bool,
    /// How long it stays.
    pub keep: Keep,
    /// Where the header leads that sorts by it; none: it cannot be sorted by.
    pub sort: Option<String>,
    /// How the table is sorted by it now.
    pub sorted: Option<Order>,
}

impl<'a> Column<'a> {
    /// A column that is always shown and does not sort.
    #[must_use]
    pub fn new(name: &'a str) -> Self {
        Self { name, ..Self::default() }
    }

    /// Numbers.
    #[must_use]
    pub fn numeric(mut self) -> Self {
        self.numeric = true;
        self
    }

    /// Leaves narrow screens.
    #[must_use]
    pub const fn keep(mut self, keep: Keep) -> Self {
        self.keep = keep;
        self
    }

    /// Sorts by a link.
    #[must_use]
    pub fn sort(mut self, path: String, sorted: Option<Order>) -> Self {
        self.sort = Some(path);
        self.sorted = sorted;
        self
    }

    fn class(&self) -> Option<String> {
        let classes: Vec<&str> = self.keep.class().into_iter().chain(self.numeric.then_some("right")).collect();
        (!classes.is_empty()).then(|| classes.join(" "))
    }
}

/// A table. `caption` names it for whoever does not see the page; `body` is rows of [`td`] in the order of the columns.
#[must_use]
pub fn table(caption: &str, columns: &[Column<'_>], body: &Markup) -> Markup {
    around(caption, &html! { @for column in columns { (header(column)) } }, body)
}

/// As [`table`], with a first column of ticks: each row of the body begins with a [`select_one`].
#[must_use]
pub fn ticked_table(caption: &str, columns: &[Column<'_>], body: &Markup) -> Markup {
    around(caption, &html! { td.narrow { (select_all()) } @for column in columns { (header(column)) } }, body)
}

fn around(caption: &str, headers: &Markup, body: &Markup) -> Markup {
    html! {
        div.table-wrap tabindex="0" role="region" aria-label=(caption) {
            table.data {
                caption.unseen { (caption) }
                thead { tr { (headers) } }
                tbody { (body) }
            }
        }
    }
}

fn header(column: &Column<'_>) -> Markup {
    let aria = column.sorted.map(|order| match order {
        Order::Rising => "ascending",
        Order::Falling => "descending",
    });
    if column.name.is_empty() {
        // A header that says nothing is none.
        return html! { td class=[column.class()] {} };
    }
    html! {
        th scope="col" class=[column.class()] aria-sort=[aria] {
            @match &column.sort {
                Some(path) => a.sort href=(path) { (column.name) (sort_icon(column.sorted)) },
                None => (column.name),
            }
        }
    }
}

fn sort_icon(sorted: Option<Order>) -> Icon {
    match sorted {
        None => Icon::Sort,
        Some(Order::Rising) => Icon::Up,
        Some(Order::Falling) => Icon::Down,
    }
}

/// A cell.
#[must_use]
pub fn td(keep: Keep, content: &Markup) -> Markup {
    html! { td class=[keep.class()] { (content) } }
}

/// A cell with a number.
#[must_use]
pub fn td_right(keep: Keep, content: &Markup) -> Markup {
    html! { td class={ "right" @if let Some(keep) = keep.class() { " " (keep) } } { (content) } }
}

/// The header of a column of ticks; the script makes it tick all.
#[must_use]
pub fn select_all() -> Markup {
    html! { input type="checkbox" data-select-all aria-label="Select all rows of this page" hidden; }
}

/// The tick of one row, in the form with the id `form`. `name` says which row, for whoever does not see it.
#[must_use]
pub fn select_one(form: &str, field: &str, value: &str, name: &str) -> Markup {
    html! { input type="checkbox" form=(form) name=(field) value=(value) aria-label={ "Select " (name) } data-select; }
}
