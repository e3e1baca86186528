//! Form fields. Each has a label, may have a hint and an error, and ties both to the input, so that whoever does not see
//! the colour hears the words.

use maud::{Markup, html};

/// What a field has in common with every other.
#[derive(Clone, Copy, Debug, Default)]
pub struct Field<'a> {
    /// Name in the form, and the input's id.
    pub name: &'a str,
    /// What a person calls it.
    pub label: &'a str,
    /// What is in it.
    pub value: &'a str,
    /// What to put in, in a sentence.
    pub hint: Option<&'a str>,
    /// What is wrong with the value, and how to mend it.
    pub error: Option<&'a str>,
    /// Whether it must be filled in.
    pub required: bool,
    /// For password managers and keyboards: `username`, `current-password`, `off`.
    pub autocomplete: Option<&'a str>,
    /// The longest value, in characters.
    pub max_length: Option<u32>,
}

impl Field<'_> {
    fn described_by(&self) -> Option<String> {
        let hint = self.hint.map(|_| format!("{}-hint", self.name));
        let error = self.error.map(|_| format!("{}-error", self.name));
        let ids: Vec<String> = hint.into_iter().chain(error).collect();
        (!ids.is_empty()).then(|| ids.join(" "))
    }

    fn around(&self, input: &Markup) -> Markup {
        html! {
            div class={ "field" @if self.error.is_some() { " has-error" } } {
                label for=(self.name) { (self.label) @if !self.required { span.optional { "optional" } } }
                @if let Some(hint) = self.hint { p.hint id={ (self.name) "-hint" } { (hint) } }
                (input)
                @if let Some(error) = self.error { p.error id={ (self.name) "-error" } { (crate::Icon::Warning) (error) } }
            }
        }
    }
}

/// A line of text; `kind` is the input's type: `text`, `search`, `password`, `email`, `number`, `date`, `url`.
#[must_use]
pub fn input(kind: &str, field: &Field<'_>) -> Markup {
    field.around(&html! {
        input type=(kind) id=(field.name) name=(field.name) value=[(kind != "password").then_some(field.value)] required[field.required]
            maxlength=[field.max_length] autocomplete=[field.autocomplete]
            aria-describedby=[field.described_by()] aria-invalid=[field.error.map(|_| "true")];
    })
}

/// Several lines of text.
#[must_use]
pub fn area(rows: u32, field: &Field<'_>) -> Markup {
    field.around(&html! {
        textarea id=(field.name) name=(field.name) rows=(rows) required[field.required] maxlength=[field.max_length] spellcheck="false"
            aria-describedby=[field.described_by()] aria-invalid=[field.error.map(|_| "true")] { (field.value) }
    })
}

/// A file whose text the script puts into the field with the id `target`; hidden where no script runs, since the text can be
/// pasted there as well. Forms of ours carry text alone: one media type, which other sites' pages cannot send unasked.
#[must_use]
pub fn file_into(id: &str, target: &str, accept: &str, label: &str) -> Markup {
    html! {
        div.field data-file-into=(target) hidden {
            label for=(id) { (label) }
            input type="file" id=(id) accept=(accept);
        }
    }
}

/// One of several, as a list that opens: value and words. The field's value is the chosen one.
#[must_use]
pub fn select(options: &[(&str, &str)], field: &Field<'_>) -> Markup {
    field.around(&html! {
        select id=(field.name) name=(field.name) required[field.required]
            aria-describedby=[field.described_by()] aria-invalid=[field.error.map(|_| "true")] {
            @for (value, words) in options { option value=(value) selected[*value == field.value] { (words) } }
        }
    })
}

/// Yes or no. Sends `name=value` when it is ticked; the hint stands below.
#[must_use]
pub fn checkbox(name: &str, value: &str, label: &str, hint: Option<&str>, ticked: bool) -> Markup {
    let id = format!("{name}-{value}");
    html! {
        div.tick {
            input type="checkbox" id=(id) name=(name) value=(value) checked[ticked] aria-describedby=[hint.map(|_| format!("{id}-hint"))];
            div { label for=(id) { (label) } @if let Some(hint) = hint { p.hint id={ (id) "-hint" } { (hint) } } }
        }
    }
}

/// One of a few, all in sight: value, words, hint.
#[must_use]
pub fn radios(name: &str, label: &str, options: &[(&str, &str, &str)], chosen: &str) -> Markup {
    html! {
        fieldset.radios {
            legend { (label) }
            @for (value, words, hint) in options {
                div.tick {
                    input type="radio" id={ (name) "-" (value) } name=(name) value=(value) checked[*value == chosen]
                        aria-describedby=[(!hint.is_empty()).then(|| format!("{name}-{value}-hint"))];
                    div {
                        label for={ (name) "-" (value) } { (words) }
                        @if !hint.is_empty() { p.hint id={ (name) "-" (value) "-hint" } { (hint) } }
                    }
                }
            }
        }
    }
}

/// A form's buttons.
#[must_use]
pub fn actions(buttons: &Markup) -> Markup {
    html! { div.form-actions { (buttons) } }
}

/// A filter in the bar above a table: a list that opens, with a small label. The first option is what is shown unasked;
/// another one stands out.
#[must_use]
pub fn filter_select(name: &str, label: &str, options: &[(&str, &str)], chosen: &str) -> Markup {
    let is_asked = !chosen.is_empty() && options.first().is_some_and(|(usual, _)| *usual != chosen);
    html! {
        label.filter { span { (label) } select name=(name) data-active[is_asked] {
            @for (value, words) in options { option value=(value) selected[*value == chosen] { (words) } }
        } }
    }
}

/// A filter by text.
#[must_use]
pub fn filter_text(name: &str, label: &str, placeholder: &str, value: &str) -> Markup {
    html! {
        label.filter.wide { span { (label) } input type="search" name=(name) value=(value) placeholder=(placeholder) maxlength="200" data-search; }
    }
}

/// A filter by day, in UTC as the service counts days.
#[must_use]
pub fn filter_day(name: &str, label: &str, value: &str) -> Markup {
    html! {
        label.filter { span { (label) } input type="date" name=(name) value=(value) data-active[!value.is_empty()]; }
    }
}

/// The bar of filters above a table: a form that asks, so that what is shown has an address. `hidden` goes along.
#[must_use]
pub fn filter_bar(action: &str, hidden: &[(&str, &str)], filters: &Markup, is_filtered: bool) -> Markup {
    html! {
        form.filters method="get" action=(action) role="search" {
            @for (name, value) in hidden { input type="hidden" name=(name) value=(value); }
            (filters)
            div.filter-actions {
                button.button type="submit" { (crate::Icon::Filter) span { "Show" } }
                @if is_filtered { a.button.quiet href=(action) { "All" } }
            }
        }
    }
}
