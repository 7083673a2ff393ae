//! Whether people who can't see red or green tell the page's colours apart. Nothing here is part of the program.

use std::collections::BTreeMap;

use super::STYLE;

/// Colours that stand beside each other and mean different things.
const GROUPS: [&[&str]; 3] =
    [&["ok", "read", "fail", "info"], &["leader", "follower", "candidate", "off"], &["line1", "line2", "line3"]];

/// What is seen of linear light with full protanopia and deuteranopia: Machado, Oliveira & Fernandes, *A Physiologically-based Model for
/// Simulation of Color Vision Deficiency*, 2009. The first sees everything.
const SIGHTS: [(&str, [[f64; 3]; 3]); 3] = [
    ("usual", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    (
        "without red",
        [[0.152_286, 1.052_583, -0.204_868], [0.114_503, 0.786_281, 0.099_216], [-0.003_882, -0.048_116, 1.051_998]],
    ),
    (
        "without green",
        [[0.367_322, 0.860_646, -0.227_968], [0.280_085, 0.672_501, 0.047_413], [-0.011_820, 0.042_940, 0.968_881]],
    ),
];

/// How far apart two colours must be in Oklab, where white and black are 1 apart and 0.02 is just seen.
const LEAST: f64 = 0.1;

/// The colours of each theme, by name.
fn themes() -> Vec<BTreeMap<&'static str, [f64; 3]>> {
    let blocks = STYLE.split('{').map(|block| block.split('}').next().unwrap_or_default());
    let colour = |declaration: &'static str| {
        let (name, value) = declaration.trim().strip_prefix("--")?.split_once(": #")?;
        let part = |at: usize| f64::from(u8::from_str_radix(&value[at..at + 2], 16).expect("a colour")) / 255.0;
        Some((name, [part(0), part(2), part(4)].map(linear)))
    };
    let theme = |block: &'static str| block.split(';').filter_map(colour).collect::<BTreeMap<_, _>>();
    blocks.map(theme).filter(|colours| !colours.is_empty()).collect()
}

fn linear(part: f64) -> f64 {
    if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
}

fn times(matrix: [[f64; 3]; 3], vector: [f64; 3]) -> [f64; 3] {
    matrix.map(|row| row.iter().zip(vector).map(|(a, b)| a * b).sum())
}

/// Björn Ottosson, *A perceptual color space for image processing*, 2020.
fn oklab(light: [f64; 3]) -> [f64; 3] {
    let cones = [
        [0.412_221_470_8, 0.536_332_536_3, 0.051_445_992_9],
        [0.211_903_498_2, 0.680_699_545_1, 0.107_396_956_6],
        [0.088_302_461_9, 0.281_718_837_6, 0.629_978_700_5],
    ];
    let lab = [
        [0.210_454_255_3, 0.793_617_785_0, -0.004_072_046_8],
        [1.977_998_495_1, -2.428_592_205_0, 0.450_593_709_9],
        [0.025_904_037_1, 0.782_771_766_2, -0.808_675_766_0],
    ];
    times(lab, times(cones, light.map(|part| part.max(0.0))).map(f64::cbrt))
}

#[test]
fn colours_are_told_apart_by_people_who_cannot_see_red_or_green() {
    let themes = themes();
    assert_eq!(themes.len(), 3, "light, dark by the system, dark by the button");
    assert_eq!(themes[1], themes[2], "dark is dark, whoever asked for it");
    for (theme, colours) in themes.iter().enumerate() {
        for (sight, matrix) in SIGHTS {
            let seen = |name: &str| oklab(times(matrix, colours[name]));
            for (a, b) in GROUPS.iter().flat_map(|group| pairs(group)) {
                let apart = seen(a).iter().zip(seen(b)).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
                assert!(apart >= LEAST, "{a} and {b} are {apart:.3} apart in theme {theme}, seen {sight}");
            }
        }
    }
}

fn pairs<'a>(group: &'a [&'a str]) -> impl Iterator<Item = (&'a str, &'a str)> {
    group.iter().enumerate().flat_map(move |(index, a)| group[index + 1..].iter().map(move |b| (*a, *b)))
}
