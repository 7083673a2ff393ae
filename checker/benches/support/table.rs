//! Tables, for the terminal and for the README alike: aligned Markdown.

/// Prints a table; the first row is its head. The first column is text, all others are numbers.
pub(crate) fn print(rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    for (number, row) in rows.iter().enumerate() {
        let cells = widths.iter().enumerate().map(|(column, &width)| {
            let cell = row.get(column).map_or("", String::as_str);
            if column == 0 { format!(" {cell:<width$} |") } else { format!(" {cell:>width$} |") }
        });
        println!("|{}", cells.collect::<String>());
        if number == 0 {
            let rule = |(column, &width): (usize, &usize)| {
                format!("{}{}|", "-".repeat(width + 1), if column == 0 { "-" } else { ":" })
            };
            println!("|{}", widths.iter().enumerate().map(rule).collect::<String>());
        }
    }
    println!();
}

/// `1,000,000`.
pub(crate) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).expect("digits")).collect();
    groups.join(",")
}
