'use strict'

// What changes the package's source text, or puts it elsewhere, as docs/bundling.md says to do it: bundlers, minifiers, coverage.
// What they build runs where nothing else is.

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { describe, test } = require('node:test')
const { place, alone, run, node, tool, addon, works } = require('./place.js')

/** An ECMAScript module has no `require` of its own, which the addon is loaded with. */
const BANNER = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"

describe('bundled', { concurrency: 2 }, () => {
  // The longest comes first.
  test('Next, standalone', async (t) => {
    const folder = place('next', {
      'package.json': '{"private":true}',
      'next.config.js': `module.exports = {
        output: 'standalone',
        serverExternalPackages: ['ironwire'],
        outputFileTracingRoot: ${JSON.stringify(__dirname)},
        turbopack: { root: ${JSON.stringify(__dirname)} },
      }`,
      'app/layout.js': 'export default ({ children }) => <html lang="en"><body>{children}</body></html>',
      'app/check/route.js': `import { main } from '../../app.js'
        export const dynamic = 'force-dynamic'
        export const GET = async () => new Response(await main())`,
    })
    await tool(folder, 'next', ['build'], { env: { NEXT_TELEMETRY_DISABLED: '1' } })
    const copy = alone(t, path.join(folder, '.next', 'standalone'))
    const script = `const { get } = require('node:http')
      process.env.HOSTNAME = '127.0.0.1'
      const probe = require('node:net').createServer().listen(0, '127.0.0.1', () => {
        process.env.PORT = probe.address().port
        probe.close(() => {
          require('./.work/next/server.js')
          const ask = () => get({ host: '127.0.0.1', port: process.env.PORT, path: '/check' }, async (res) => {
            for await (const chunk of res) process.stdout.write(chunk)
            process.exit()
          }).on('error', () => setTimeout(ask, 50))
          ask()
        })
      })`
    assert.match(await node(copy, '-e', script), works)
  })

  const esbuild = (options) => async (t) => {
    const folder = place(`esbuild-${t.name.replace(/\W+/g, '-')}`)
    const { build } = require('esbuild')
    const { warnings } = await build({
      absWorkingDir: folder,
      entryPoints: ['entry.js'],
      outdir: 'out',
      bundle: true,
      platform: 'node',
      loader: { '.node': 'copy' },
      logLevel: 'silent',
      ...options,
    })
    assert.deepEqual(warnings, [])
    const copy = alone(t, path.join(folder, 'out'))
    const [entry] = fs.readdirSync(copy).filter((name) => name.startsWith('entry.'))
    assert.match(await node(copy, entry), works)
  }

  test('esbuild', esbuild({}))
  test('esbuild --minify', esbuild({ minify: true }))
  test('esbuild --minify --keep-names', esbuild({ minify: true, keepNames: true }))
  test('esbuild --keep-names', esbuild({ keepNames: true }))
  test(
    'esbuild --format=esm',
    esbuild({ minify: true, format: 'esm', outExtension: { '.js': '.mjs' }, banner: { js: BANNER } }),
  )

  test('esbuild, in a single executable application', async (t) => {
    const folder = place('esbuild-single')
    const { build } = require('esbuild')
    await build({
      absWorkingDir: folder,
      entryPoints: ['entry.js'],
      outdir: 'out',
      bundle: true,
      platform: 'node',
      external: ['*.node'],
      logLevel: 'silent',
    })
    const copy = alone(t, path.join(folder, 'out'))
    // Runs it as Node does there: `require` gives built-in modules only, and the executable is elsewhere.
    const script = `const { isBuiltin } = require('node:module')
      process.execPath = require('node:path').resolve('app')
      const only = (name) => {
        if (isBuiltin(name)) return require(name)
        throw Object.assign(new Error('No such built-in module: ' + name), { code: 'ERR_UNKNOWN_BUILTIN_MODULE' })
      }
      const source = require('node:fs').readFileSync('entry.js', 'utf8')
      new Function('require', 'module', 'exports', '__filename', '__dirname', source)(only, module, exports, process.execPath, process.cwd())`
    await assert.rejects(node(copy, '-e', script), /IRONWIRE_ADDON_MISSING/)
    fs.copyFileSync(addon(), path.join(copy, path.basename(addon())))
    assert.match(await node(copy, '-e', script), works)
  })

  test('esbuild leaves out the modules that are not imported', async () => {
    const folder = place('esbuild-part', {
      'part.mjs': "import { codec } from 'ironwire'; console.log(codec.readInt8)",
    })
    const { metafile } = await require('esbuild').build({
      absWorkingDir: folder,
      entryPoints: ['part.mjs'],
      outdir: 'out',
      bundle: true,
      platform: 'node',
      loader: { '.node': 'copy' },
      metafile: true,
    })
    const [{ inputs }] = Object.values(metafile.outputs).filter(({ entryPoint }) => entryPoint !== undefined)
    const part = (name) =>
      Object.keys(inputs).some((file) => file.includes(`ironwire/lib/${name}/`) && inputs[file].bytesInOutput > 0)
    assert.deepEqual(['codec', 'http', 'net', 'protobuf', 'rpc'].filter(part), ['codec'])
  })

  for (const mode of ['development', 'production']) {
    test(`webpack, ${mode}`, async (t) => {
      const folder = place(`webpack-${mode}`)
      const stats = await new Promise((resolve, reject) => {
        const options = {
          mode,
          context: folder,
          target: 'node',
          entry: './entry.js',
          output: { path: path.join(folder, 'out'), filename: 'entry.js' },
          module: { rules: [{ test: /\.node$/, loader: 'node-loader' }] },
        }
        require('webpack')(options, (error, result) => (error ? reject(error) : resolve(result)))
      })
      assert.equal(stats.toString('errors-warnings').replace(/^webpack.*successfully.*$/m, ''), '')
      assert.match(await node(alone(t, path.join(folder, 'out')), 'entry.js'), works)
    })
  }

  for (const [format, entry, banner] of [
    ['cjs', 'entry.js', ''],
    ['es', 'entry.mjs', BANNER],
  ]) {
    test(`rollup, ${format}`, async (t) => {
      const folder = place(`rollup-${format}`)
      const warnings = []
      const bundle = await require('rollup').rollup({
        input: path.join(folder, 'entry.js'),
        external: [/^node:/],
        plugins: [
          require('@rollup/plugin-node-resolve').nodeResolve({ preferBuiltins: true }),
          require('@rollup/plugin-commonjs')({ ignoreDynamicRequires: true }),
        ],
        onwarn: (warning) => warnings.push(warning.message),
      })
      const out = path.join(folder, 'out')
      await bundle.write({ dir: out, format, entryFileNames: entry, banner })
      assert.deepEqual(warnings, [])
      fs.copyFileSync(addon(), path.join(out, path.basename(addon())))
      assert.match(await node(alone(t, out), entry), works)
    })
  }

  for (const bundled of [false, true]) {
    test(`Vite SSR, ${bundled ? 'bundled' : 'external, as it is by default'}`, async (t) => {
      const folder = place(`vite-${bundled}`)
      const { build } = await import('vite')
      await build({
        configFile: false,
        logLevel: 'error',
        root: folder,
        build: { ssr: 'entry.js', outDir: 'out', rollupOptions: { output: { entryFileNames: 'entry.mjs' } } },
        ssr: bundled ? { noExternal: true } : {},
      })
      const out = path.join(folder, 'out')
      if (bundled) fs.copyFileSync(addon(), path.join(out, path.basename(addon())))
      assert.match(await node(bundled ? alone(t, out) : out, 'entry.mjs'), works)
    })
  }

  test('ncc', async (t) => {
    const folder = place('ncc')
    await tool(folder, '@vercel/ncc', ['build', 'entry.js', '--minify', '--out', 'out'])
    assert.match(await node(alone(t, path.join(folder, 'out')), 'index.js'), works)
  })

  test('terser, every file of the package by itself', async (t) => {
    const folder = place('terser')
    const copy = alone(t, folder)
    const installed = path.dirname(addon())
    const { minify } = require('terser')
    fs.cpSync(installed, path.join(copy, 'node_modules', 'ironwire'), { recursive: true })
    for (const file of fs.readdirSync(installed, { recursive: true })) {
      if (!/^(?:index|binding|lib\W.*)\.js$/.test(file)) continue
      const { code } = await minify(fs.readFileSync(path.join(installed, file), 'utf8'), {
        toplevel: true,
        compress: { passes: 2 },
      })
      fs.writeFileSync(path.join(copy, 'node_modules', 'ironwire', file), code)
    }
    assert.match(await node(copy, 'entry.js'), works)
  })

  test('nyc, with the package itself instrumented', async () => {
    const folder = place('nyc')
    fs.cpSync(path.dirname(addon()), path.join(folder, 'node_modules', 'ironwire'), { recursive: true })
    const options = ['--cwd=.', '--exclude-node-modules=false', '--cache=false', '--reporter=json-summary']
    assert.match(await tool(folder, 'nyc', [...options, process.execPath, 'entry.js']), works)
    const summary = JSON.parse(fs.readFileSync(path.join(folder, 'coverage', 'coverage-summary.json'), 'utf8'))
    const [codec] = Object.keys(summary).filter((file) => /ironwire.lib.protobuf.codec\.js$/.test(file))
    assert.ok(summary[codec].lines.covered > 0)
  })

  test('names for `import`, read off the text by cjs-module-lexer', async () => {
    const { init, parse } = require('cjs-module-lexer')
    await init?.()
    const { exports } = parse(fs.readFileSync(path.join(path.dirname(addon()), 'index.js'), 'utf8'))
    assert.deepEqual([...new Set(exports)].sort(), Object.keys(require('ironwire')).sort())
  })

  test('types for both module systems: attw', async (t) => {
    const copy = alone(t, path.dirname(addon()))
    await run(copy, 'npm', ['pack', '--ignore-scripts', '--silent'])
    const [tarball] = fs.readdirSync(copy).filter((name) => name.endsWith('.tgz'))
    assert.match(await tool(copy, '@arethetypeswrong/cli', [tarball, '--no-emoji', '--no-color']), /No problems found/)
  })
})
