//! Dates of the proleptic Gregorian calendar as time since the epoch, without leap seconds.

/// Seconds since the epoch of year, month, day, hour, minute and second in UTC. `None` for an invalid date or time.
pub fn seconds([year, month, date, hour, minute, second]: [i64; 6]) -> Option<i64> {
    let is_date = (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&date);
    let is_time = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
    (is_date && is_time).then(|| days_from_civil(year, month, date) * 86_400 + hour * 3600 + minute * 60 + second)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since the epoch. It counts in years that begin in March, so that the leap day is the last day.
fn days_from_civil(year: i64, month: i64, date: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + date - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date of a day since the epoch: year, month, day.
pub fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let date = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_day_is_a_date_and_back() {
        for day in (-1_000_000..3_000_000).step_by(13) {
            let (year, month, date) = civil(day);
            assert_eq!(seconds([year, month, date, 0, 0, 0]), Some(day * 86_400));
        }
        assert_eq!(seconds([2000, 2, 29, 23, 59, 59]), Some(951_868_799));
        for wrong in [
            [2001, 2, 29, 0, 0, 0],
            [1900, 2, 29, 0, 0, 0],
            [2000, 13, 1, 0, 0, 0],
            [2000, 0, 1, 0, 0, 0],
            [2000, 1, 0, 0, 0, 0],
            [2000, 1, 1, 24, 0, 0],
            [2000, 1, 1, 0, 60, 0],
            [2000, 1, 1, 0, 0, 60],
        ] {
            assert_eq!(seconds(wrong), None);
        }
    }
}
