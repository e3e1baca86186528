//! Charts, drawn on the server as SVG. Each is named, says its exact values on hover, and has the same figures as a table
//! for whoever cannot see it. Labels are text beside the drawing, so they keep their size on every screen.

use maud::{Markup, html};

use crate::{Tone, card, number};

/// Width and height of the drawing's own coordinates; the page stretches it.
const WIDTH: u64 = 1_000;
const HEIGHT: u64 = 100;

/// One line of a line chart, or one layer of a bar chart.
#[derive(Clone, Debug)]
pub struct Series<'a> {
    /// What it counts.
    pub name: &'a str,
    /// Its colour.
    pub tone: Tone,
    /// One value a step, as many as the chart has steps.
    pub values: Vec<u64>,
}

/// What a chart shows.
#[derive(Clone, Debug)]
pub struct Chart<'a> {
    /// Unique on its page.
    pub id: &'a str,
    /// What it shows, in a sentence.
    pub title: &'a str,
    /// The name of each step, in order: `14:00`.
    pub steps: Vec<String>,
    /// What is drawn.
    pub series: Vec<Series<'a>>,
    /// How a value is written; `number::grouped` for counts.
    pub format: fn(u64) -> String,
}

impl Chart<'_> {
    fn value(&self, series: &Series<'_>, step: usize) -> u64 {
        series.values.get(step).copied().unwrap_or_default()
    }

    /// What a step says on hover and in the table.
    fn told(&self, step: usize) -> String {
        let values: Vec<String> =
            self.series.iter().map(|series| format!("{} {}", series.name, (self.format)(self.value(series, step)))).collect();
        format!("{}: {}", self.steps[step], values.join(", "))
    }

    fn around(&self, top: u64, drawing: &Markup) -> Markup {
        let last = self.steps.len().saturating_sub(1);
        html! {
            figure.chart {
                div.chart-plot {
                    div.chart-y aria-hidden="true" { span { ((self.format)(top)) } span { ((self.format)(top / 2)) } span { ((self.format)(0)) } }
                    svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label=(self.title) {
                        (grid())
                        (drawing)
                    }
                    div.chart-x aria-hidden="true" {
                        @if let Some(first) = self.steps.first() { span { (first) } }
                        @if last >= 2 { span { (self.steps[last / 2]) } }
                        @if last >= 1 { span { (self.steps[last]) } }
                    }
                }
                @if self.series.len() > 1 {
                    ul.legend { @for series in &self.series { li class=(series.tone.class()) { span.swatch {} (series.name) } } }
                }
                (card::fold("As a table", false, &self.as_table()))
            }
        }
    }

    fn as_table(&self) -> Markup {
        html! {
            div.table-wrap tabindex="0" role="region" aria-label=(self.title) {
                table.data.small {
                    caption.unseen { (self.title) }
                    thead { tr { th scope="col" { "Time" } @for series in &self.series { th.right scope="col" { (series.name) } } } }
                    tbody {
                        @for (step, name) in self.steps.iter().enumerate() {
                            tr { th scope="row" { (name) } @for series in &self.series { td.right { ((self.format)(self.value(series, step))) } } }
                        }
                    }
                }
            }
        }
    }
}

fn grid() -> Markup {
    html! { @for y in [0, HEIGHT / 2, HEIGHT] { line.grid x1="0" x2=(WIDTH) y1=(y) y2=(y) {} } }
}

/// The next round figure at or above: 1, 2, 5 times a power of ten. Never 0, which could not be divided by.
fn round_up(value: u64) -> u64 {
    let mut unit = 1_u64;
    loop {
        for figure in [1, 2, 5] {
            let round = unit.saturating_mul(figure).saturating_mul(2);
            if round >= value {
                return round;
            }
        }
        unit = unit.saturating_mul(10);
    }
}

fn share(value: u64, top: u64, length: u64) -> u64 {
    // 128 bits: counters times coordinates may pass 64. The result is at most the length.
    u64::try_from(u128::from(value) * u128::from(length) / u128::from(top.max(1))).unwrap_or(length).min(length)
}

/// Layers on each other, one bar a step: how a whole is made up over time.
#[must_use]
pub fn bars(chart: &Chart<'_>) -> Markup {
    let totals: Vec<u64> = (0..chart.steps.len()).map(|step| chart.series.iter().map(|series| chart.value(series, step)).sum()).collect();
    let top = round_up(totals.iter().copied().max().unwrap_or_default());
    let slot = WIDTH / (chart.steps.len().max(1) as u64);
    let gap = (slot / 5).max(1);
    let drawing = html! {
        @for step in 0..chart.steps.len() {
            g.bar {
                title { (chart.told(step)) }
                rect.bar-hover x=(step as u64 * slot) y="0" width=(slot) height=(HEIGHT) {}
                @for (series, below) in stacked(chart, step) {
                    @let height = share(chart.value(series, step), top, HEIGHT * 10);
                    @let base = share(below, top, HEIGHT * 10);
                    @if height > 0 {
                        rect class=(series.tone.class()) x=(step as u64 * slot + gap / 2) width=(slot.saturating_sub(gap).max(1))
                            y=(tenths(HEIGHT * 10 - (base + height).min(HEIGHT * 10))) height=(tenths(height)) {}
                    }
                }
            }
        }
    };
    chart.around(top, &drawing)
}

fn stacked<'a>(chart: &'a Chart<'a>, step: usize) -> impl Iterator<Item = (&'a Series<'a>, u64)> {
    chart.series.iter().scan(0, move |below, series| {
        let base = *below;
        *below += chart.value(series, step);
        Some((series, base))
    })
}

fn tenths(value: u64) -> String {
    format!("{}.{}", value / 10, value % 10)
}

/// Steps in a row that have any figure.
fn stretches(chart: &Chart<'_>) -> Vec<std::ops::Range<usize>> {
    let has_figure = |step: &usize| chart.series.iter().any(|series| chart.value(series, *step) > 0);
    let steps: Vec<usize> = (0..chart.steps.len()).filter(has_figure).collect();
    steps.chunk_by(|one, next| one + 1 == *next).filter_map(|stretch| Some(*stretch.first()?..*stretch.last()? + 1)).collect()
}

/// A line a series: how figures move over time. Where no series has a figure there is none, and no line.
#[must_use]
pub fn lines(chart: &Chart<'_>) -> Markup {
    let top = round_up(chart.series.iter().flat_map(|series| series.values.iter().copied()).max().unwrap_or_default());
    let last = chart.steps.len().saturating_sub(1).max(1) as u64;
    let slot = WIDTH / last;
    let point = |series: &Series<'_>, step: usize| {
        let y = HEIGHT * 10 - share(chart.value(series, step), top, HEIGHT * 10);
        format!("{},{}", step as u64 * WIDTH / last, tenths(y))
    };
    let stretches = stretches(chart);
    let drawing = html! {
        @for series in &chart.series {
            @for stretch in &stretches {
                // A line of one point is a dot: its ends are round, and it is thicker, to be seen.
                @let points = stretch.clone().chain(std::iter::once(stretch.end - 1)).map(|step| point(series, step)).collect::<Vec<_>>().join(" ");
                polyline class={ "line " (series.tone.class()) @if stretch.len() == 1 { " alone" } } points=(points) {}
            }
        }
        @for step in 0..chart.steps.len() {
            g.bar {
                title { (chart.told(step)) }
                rect.bar-hover x=((step as u64 * WIDTH / last).saturating_sub(slot / 2)) y="0" width=(slot) height=(HEIGHT) {}
            }
        }
    };
    chart.around(top, &drawing)
}

/// How much of a limit is used, as a half ring; without a limit in words, since nothing could fill.
#[must_use]
pub fn gauge(name: &str, used: u64, limit: Option<u64>) -> Markup {
    let Some(limit) = limit else {
        return html! { p.figure-value { (number::number(used)) } p.figure-note { (name) ", without a limit" } };
    };
    let percent = number::percent(used, limit);
    let tone = match percent {
        0..80 => Tone::Plain,
        80..100 => Tone::Review,
        _ => Tone::Bad,
    };
    // Half the circumference of a circle with radius 50 is 157.
    let filled = percent.min(100) * 157 / 100;
    html! {
        div class={ "gauge " (tone.class()) } {
            svg viewBox="0 0 120 68" role="img" aria-label={ (name) ": " (told(used, limit)) } {
                path.gauge-track d="M10 62a50 50 0 0 1 100 0" {}
                @if filled > 0 { path.gauge-fill d="M10 62a50 50 0 0 1 100 0" stroke-dasharray={ (filled) " 400" } {} }
            }
            p.gauge-value { (percent) "%" }
            p.gauge-note { (told(used, limit)) }
        }
    }
}

/// How much of a limit is used, as a bar in one line.
#[must_use]
pub fn meter(name: &str, used: u64, limit: u64) -> Markup {
    html! {
        div.meter {
            span { (name) }
            meter min="0" max=(limit.max(1)) value=(used.min(limit)) high=(limit / 5 * 4) optimum="0" aria-label=(name) { (told(used, limit)) }
            span.meter-note { (told(used, limit)) }
        }
    }
}

fn told(used: u64, limit: u64) -> String {
    format!("{} of {}", number::grouped(used), number::grouped(limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(values: Vec<u64>) -> Chart<'static> {
        let steps = (0..values.len()).map(|step| format!("{step}:00")).collect();
        Chart { id: "c", title: "Jobs", steps, series: vec![Series { name: "ok", tone: Tone::Ok, values }], format: number::grouped }
    }

    #[test]
    fn the_axis_ends_on_a_round_figure_whose_half_is_whole() {
        assert_eq!([0, 1, 2, 3, 7, 11, 99, 101, 4_001].map(round_up), [2, 2, 2, 4, 10, 20, 100, 200, 10_000]);
    }

    #[test]
    fn figures_of_any_size_and_none_are_drawn() {
        for values in [vec![], vec![0], vec![u64::MAX / 4, 1], vec![3; 400]] {
            let (bars, lines) = (bars(&chart(values.clone())).into_string(), lines(&chart(values)).into_string());
            assert!(bars.contains("role=\"img\"") && lines.contains("<table"), "{bars} {lines}");
        }
    }

    #[test]
    fn a_line_is_not_drawn_where_nothing_is_known() {
        assert_eq!(stretches(&chart(vec![0, 3, 4, 0, 5, 0])), [1..3, 4..5]);
        let drawn = lines(&chart(vec![0, 3, 4, 0, 5, 0])).into_string();
        assert_eq!(drawn.matches("<polyline").count(), 2, "{drawn}");
        assert!(!lines(&chart(vec![0; 5])).into_string().contains("<polyline"));
    }

    #[test]
    fn a_gauge_past_its_limit_is_full_and_says_so() {
        let full = gauge("Quota", 1_200, Some(1_000)).into_string();
        assert!(full.contains("t-bad") && full.contains("1,200 of 1,000") && full.contains("stroke-dasharray=\"157 400\""), "{full}");
        let unlimited = gauge("Quota", 5, None).into_string();
        assert!(unlimited.contains("without a limit") && !unlimited.contains("<svg"), "nothing can fill: {unlimited}");
    }
}
