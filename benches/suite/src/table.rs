//! A table in markdown.

/// Rows of cells under a header.
pub struct Table {
    header: Vec<String>,
    /// How many columns are words; the others are figures, to the right.
    words: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// With the first columns for words.
    pub fn new(words: usize, header: &[&str]) -> Self {
        Table {
            header: header.iter().map(|&cell| cell.to_owned()).collect(),
            words,
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// As markdown.
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let rule: Vec<String> = (0..self.header.len())
            .map(|column| if column < self.words { "---" } else { "--:" }.to_owned())
            .collect();
        let mut text = line(&self.header) + &line(&rule);
        for row in &self.rows {
            text.push_str(&line(row));
        }
        text
    }
}
