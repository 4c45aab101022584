'use strict'

// The tokens and comments of `.proto` source, as in protobufjs. It is a second lexer beside the one in Rust because
// `parse` returns a file's content without linking it, accepts input that no compiler accepts, and has its own rules
// for comments.

const DELIMITER = /[\s{}=;:[\],'"()<>]/
const WORD = /[^\s{}=;:[\],'"()<>]+/y
const SPACE = /\s*/y
const DOUBLE = /"([^"\\]*(?:\\[\s\S][^"\\]*)*)"/y
const SINGLE = /'([^'\\]*(?:\\[\s\S][^'\\]*)*)'/y
const ESCAPE = /\\([0-7]{1,3}|[xX][0-9a-fA-F]{1,2}|[\s\S]?)/g

const ESCAPED = { 0: '\0', a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }
const ITSELF = '\\?\'"'

/** The content of a string with its escapes replaced. Invalid escapes are dropped. */
function unescaped(text) {
  return text.replace(ESCAPE, (_, code) => {
    if (code >= '0' && code < '8') return String.fromCharCode(Number.parseInt(code, 8) & 255)
    if (code.length > 1) return String.fromCharCode(Number.parseInt(code.slice(1), 16))
    return ITSELF.includes(code) ? code : (ESCAPED[code] ?? '')
  })
}

class Tokenizer {
  #source
  #keepsAll
  #at = 0
  #line = 1
  /** Tokens that come before those of the source. */
  #ahead = []
  /** The quote of a string that comes next. */
  #quote = null
  #comments = new Map()
  #lastComment = 0

  constructor(source, keepsAll) {
    this.#source = source.toString()
    this.#keepsAll = keepsAll
    for (const name of ['next', 'peek', 'push', 'skip', 'cmnt']) this[name] = this[name].bind(this)
  }

  get line() {
    return this.#line
  }

  #illegal(subject) {
    return Error(`illegal ${subject} (line ${this.#line})`)
  }

  #match(pattern, at) {
    pattern.lastIndex = at
    return pattern.exec(this.#source)
  }

  /** The next token; null at the end. A string consists of three tokens: its quote, its text, and the quote again. */
  next() {
    if (this.#ahead.length > 0) return this.#ahead.shift()
    if (this.#quote !== null) return this.#string()
    const source = this.#source
    let isLeading = this.#at === 0
    for (;;) {
      const [space] = this.#match(SPACE, this.#at)
      this.#at += space.length
      if (space.length > 1 || space === '\n') {
        const lines = space.split('\n').length - 1
        if (lines > 0) isLeading = true
        this.#line += lines
      }
      if (this.#at >= source.length) return null
      if (source[this.#at] !== '/') break
      if (this.#at + 1 === source.length) throw this.#illegal('comment')
      if (source[this.#at + 1] === '/') {
        if (this.#lineComment(isLeading)) isLeading = true
      } else if (source[this.#at + 1] === '*') {
        if (this.#blockComment(isLeading)) isLeading = true
      } else {
        this.#at++
        return '/'
      }
    }
    const first = source[this.#at]
    const token = DELIMITER.test(first) ? first : this.#match(WORD, this.#at)[0]
    this.#at += token.length
    if (token === '"' || token === "'") this.#quote = token
    return token
  }

  #string() {
    const match = this.#match(this.#quote === '"' ? DOUBLE : SINGLE, this.#at - 1)
    if (match === null) throw this.#illegal('string')
    this.#at += match[0].length - 1
    this.push(this.#quote)
    this.#quote = null
    return unescaped(match[1])
  }

  /** The position of the next line end from `at` on. */
  #lineEnd(at) {
    const end = this.#source.indexOf('\n', at)
    return end < 0 ? this.#source.length : end
  }

  /**
   * Reads a `// …` comment. By default only `/// …` is kept; with `keepsAll` all are, and consecutive lines form one
   * comment. Returns true if it was kept.
   */
  #lineComment(isLeading) {
    const start = this.#at
    const source = this.#source
    let end = this.#lineEnd(start)
    if (this.#keepsAll && isLeading) {
      while (end < source.length && /^\s*\/\//.test(source.slice(end + 1, this.#lineEnd(end + 1)))) {
        end = this.#lineEnd(end + 1)
        this.#line++
      }
    }
    const isKept = this.#keepsAll || source[start + 2] === '/'
    if (isKept) this.#keep('/', start, source.slice(start + (this.#keepsAll ? 2 : 3), end), isLeading)
    this.#at = Math.min(end + 1, source.length)
    this.#line++
    return isKept
  }

  /**
   * Reads a block comment. By default only those with two stars are kept; with `keepsAll` all are. Returns true if it
   * was kept.
   */
  #blockComment(isLeading) {
    const start = this.#at
    const end = this.#source.indexOf('*/', start + 2)
    if (end < 0) throw this.#illegal('comment')
    const text = this.#source.slice(start + 2, end)
    this.#line += text.split('\n').length - 1
    const isKept = this.#keepsAll || text[0] === '*'
    if (isKept) this.#keep('*', start, text.replace(/^\*/, ''), isLeading)
    this.#at = end + 2
    return isKept
  }

  /** Stores a comment by the line on which it ends. */
  #keep(type, start, raw, isLeading) {
    const decoration = this.#keepsAll ? /^\s*\*?\/*/ : /^ *[*/]+ */
    const lines = raw.split('\n').map((line) => line.replace(decoration, '').trim())
    const before = this.#source.slice(this.#source.lastIndexOf('\n', start) + 1, start)
    const isAlone = /^[ \t]*$/.test(before)
    this.#comments.set(this.#line, { type, text: lines.join('\n').trim(), isLeading, isAlone })
    this.#lastComment = this.#line
  }

  /** Adds a token after those that were put back before. */
  push(token) {
    this.#ahead.push(token)
  }

  /** The next token, without consuming it. */
  peek() {
    if (this.#ahead.length === 0) {
      const token = this.next()
      if (token === null) return null
      this.push(token)
    }
    return this.#ahead[0]
  }

  /** Consumes the expected token. It may be missing if `isOptional` is set. */
  skip(expected, isOptional) {
    const actual = this.peek()
    if (actual === expected) {
      this.next()
      return true
    }
    if (!isOptional) throw this.#illegal(`token '${actual}', '${expected}' expected`)
    return false
  }

  /**
   * The comment on the line before the current one, or after a declaration that ends on line `trailing`; null if there
   * is none.
   */
  cmnt(trailing) {
    const isTrailing = trailing !== undefined
    if (isTrailing && this.#lastComment < trailing) this.peek()
    const line = isTrailing ? trailing : this.#line - 1
    const comment = this.#comments.get(line)
    this.#comments.delete(line)
    if (comment === undefined) return null
    const { type, text, isLeading, isAlone } = comment
    if (isTrailing) return !isAlone && !isLeading && (this.#keepsAll || type === '/') ? text : null
    return isLeading && (this.#keepsAll || type === '*' || isAlone) ? text : null
  }
}

/** The tokens of `source`. With `keepsAll` ordinary comments are kept, too. */
function tokenize(source, keepsAll) {
  return new Tokenizer(source, Boolean(keepsAll))
}

tokenize.unescape = unescaped

module.exports = tokenize
