'use strict'

// Formats reports: each case in full as aligned plain text, and an overview of all cases as Markdown.

/** Three significant digits with grouped thousands: 0.19, 7.74, 656,000. */
function number(value) {
  if (!Number.isFinite(value)) return 'n/a'
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))))
  const rounded = digits === 0 ? Number(value.toPrecision(3)) : value
  return rounded.toLocaleString('en-US', {
    minimumFractionDigits: Math.min(digits, 3),
    maximumFractionDigits: Math.min(digits, 3),
  })
}

/** Aligns the first column to the left and the others to the right. */
function align(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  return rows
    .map((row) =>
      row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))),
    )
    .map((row) => `  ${row.join('   ')}`.trimEnd())
    .join('\n')
}

/**
 * One case of a report. The first metric is the one that is compared: the table shows its spread, and ours divided by
 * each contender's (below 1 is better if lower is better).
 */
function formatCase({ name, title = name, note, metrics, results, versus }) {
  const [primary] = Object.keys(metrics)
  const ours = results.find((result) => result.contender === 'ironwire')
  const rows = [['', ...Object.values(metrics).map((metric) => metric.title), 'spread', 'ironwire ÷ it']]
  for (const { contender, metrics: values } of results) {
    const main = values[primary]
    const ratio = ours && contender !== 'ironwire' ? (ours.metrics[primary].median / main.median).toFixed(2) : ''
    rows.push([
      contender,
      ...Object.keys(metrics).map((key) => (values[key] ? number(values[key].median) : '')),
      `${number(main.min)} to ${number(main.max)}`,
      ratio,
    ])
  }
  const verdict = versus ? `\n  → ${versus.contender}, the best other, takes ${versus.factor.toFixed(2)} × as much` : ''
  return `${title}${note ? ` (${note})` : ''}\n${align(rows)}${verdict}\n`
}

/**
 * A Markdown table of the compared metric with a row per case and a column per contender. Each number of another
 * contender is followed by the ratio of ours to it. The header names the most common unit; a case with another unit
 * names its own.
 */
function formatGlance({ metrics, cases }) {
  const unit = (of) => Object.values(of)[0].title
  const names = [...new Set(cases.flatMap(({ results }) => results.map(({ contender }) => contender)))]
  if (names.length === 0) return []
  const rows = cases.map(({ name, title = name, note, metrics: own, results }) => {
    const [primary] = Object.keys(own)
    const values = new Map(results.map((result) => [result.contender, result.metrics[primary].median]))
    const ours = values.get('ironwire')
    const cells = names.map((contender) => {
      const value = values.get(contender)
      if (value === undefined) return ''
      return ours && contender !== 'ironwire' ? `${number(value)} (${(ours / value).toFixed(2)})` : number(value)
    })
    const details = [note, unit(own) === unit(metrics) ? undefined : unit(own)].filter(Boolean).join('; ')
    return [details ? `${title} (${details})` : title, ...cells]
  })
  const head = [`${unit(metrics)} (ironwire ÷ it)`, ...names]
  return [head, head.map((_, column) => (column === 0 ? '---' : '---:')), ...rows].map(
    (row) => `| ${row.join(' | ')} |`,
  )
}

function formatReport(report) {
  const lines = [`\n# ${report.title}`, ...report.notes.map((note) => `note: ${note}`), '']
  for (const one of report.cases) lines.push(formatCase(one))
  return `${[...lines, ...formatGlance(report)].join('\n')}\n`
}

module.exports = { formatReport, formatCase, align, number }
