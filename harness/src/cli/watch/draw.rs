//! The picture on a screen: who leads, three sparklines, what happened, and the keys.

use std::collections::VecDeque;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Style, Stylize as _};
use ratatui::text::Line;
use ratatui::widgets::Sparkline;
use tokio::time::Instant;

use super::keys;
use super::picture::Picture;
use crate::cli::progress;
use crate::node_id::NodeId;
use crate::run::Snapshot;
use crate::system::Role;

/// How many lines of what happened are shown.
const TOLD: u16 = 6;

/// Draws everything.
pub(super) fn draw(frame: &mut Frame, picture: &Picture, snapshot: &Snapshot, now: Instant) {
    let one = Constraint::Length(1);
    let chart = Constraint::Min(3);
    let [head, nodes, faults, writes, lag, fail_over, served, told, help] =
        Layout::vertical([one, one, one, chart, chart, chart, one, Constraint::Length(TOLD), one]).areas(frame.area());
    let title = format!("interregnum watch  {}  {}", picture.name, picture.time(now, snapshot));
    frame.render_widget(Line::from(title).bold(), head);
    let states: Vec<_> = snapshot.nodes.iter().map(|(node, state)| told_of(*node, *state)).collect();
    frame.render_widget(Line::from(states.join("   ")), nodes);
    frame.render_widget(Line::from(progress::faults(snapshot)).yellow(), faults);
    draw_chart(frame, writes, "acknowledged writes a second", &picture.writes_per_s, "", Style::new().cyan());
    draw_chart(frame, lag, "replication lag of the last follower", &picture.lag_ms, " ms", Style::new().yellow());
    let fail_overs = "from a fault to the first write under another leader";
    draw_chart(frame, fail_over, fail_overs, &picture.fail_overs_ms, " ms", Style::new().magenta());
    let waits = snapshot.tally.since_last_write(now).filter(|waits| *waits >= super::LOOK);
    let waits = waits.map_or_else(String::new, |waits| format!("; no write for {:.1} s", waits.as_secs_f64()));
    frame.render_widget(Line::from(progress::served(snapshot, picture.recent) + &waits), served);
    let newest = picture.told.iter().rev().take(told.height.into()).rev();
    for (line, area) in newest.zip(Layout::vertical(vec![one; told.height.into()]).split(told).iter()) {
        frame.render_widget(Line::from(line.as_str()).dim(), *area);
    }
    frame.render_widget(Line::from(keys::help("  ")).bold(), help);
}

/// `n1 follower 3`, with the epoch.
fn told_of(node: NodeId, state: Option<(Role, u64)>) -> String {
    match state {
        Some((role, epoch)) => format!("{node} {role} {epoch}"),
        None => format!("{node} silent"),
    }
}

/// A name with the newest and the greatest of what is shown, and below it the line.
fn draw_chart(frame: &mut Frame, area: Rect, name: &str, values: &VecDeque<u64>, unit: &str, colour: Style) {
    let [head, line] = Layout::vertical([Constraint::Length(1), Constraint::Min(1)]).areas(area);
    let shown: Vec<u64> = values.iter().rev().take(line.width.into()).rev().copied().collect();
    let title = match (shown.last(), shown.iter().max()) {
        (Some(now), Some(most)) => format!("{name}: {now}{unit}, at most {most}{unit}"),
        _ => format!("{name}: none yet"),
    };
    frame.render_widget(Line::from(title), head);
    frame.render_widget(Sparkline::default().data(&shown).style(colour), line);
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::super::picture::tests::story;
    use super::*;

    fn drawn(columns: u16, lines: u16) -> String {
        let (picture, snapshot, now) = story();
        let mut terminal = Terminal::new(TestBackend::new(columns, lines)).unwrap();
        terminal.draw(|frame| draw(frame, &picture, &snapshot, now)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn everything_is_on_one_screen() {
        insta::assert_snapshot!(drawn(100, 24));
    }

    /// Too small for everything, and no panic.
    #[test]
    fn a_small_terminal_shows_what_fits() {
        for (columns, lines) in [(20, 5), (1, 1), (200, 60)] {
            drawn(columns, lines);
        }
    }
}
