//! Writes the histories that are measured as files, so that other checkers can be measured with the same.

use std::path::Path;
use std::{fs, io};

use crate::arguments::Arguments;
use crate::kinds;

/// As JSON lines, under names that tell what they are.
pub(crate) fn write(arguments: &Arguments, directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let decided = [kinds::registers(), kinds::lists()].concat().into_iter().map(|kind| (kind, arguments.lengths()));
    let searched = kinds::repeating_registers().into_iter().map(|kind| (kind, arguments.lengths_for_search()));
    for (kind, lengths) in decided.chain(searched) {
        for &operations in lengths {
            let name = kind.to_string().replace(" %", "%").replace(", ", "_").replace(' ', "-");
            fs::write(directory.join(format!("{name}_{operations}.jsonl")), kind.json_lines(operations))?;
        }
    }
    Ok(())
}
