#!/usr/bin/env python3
"""Makes the folder of the web page: the page, the engine as WebAssembly, the network that reads digits.

  ./quickstart                                          # trains the network: out/weights8.pb
  examples/web/make_page.py                             # out/web, and out/web/digits.html, which is all of it in one file
  examples/web/make_page.py --photos=mobilenet.pb       # a network for the second tab, whose engine has every op
  examples/web/make_page.py --photos=mobilenet.pb --photo_ops   # … or the ops of that network alone: less to load
  python3 -m http.server --directory out/web            # any server of plain files will do

Needs emscripten (on Debian: apt-get install emscripten). The engine is built with the digit network's ops alone, once
with SIMD and once without; --engine takes the .wasm files of a folder instead of building them.
"""
import argparse
import base64
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

kHere = pathlib.Path(__file__).resolve().parent
kRepository = kHere.parent.parent
kPage = ['index.html', 'style.css', 'page.js', 'digits.js', 'photos.js', 'paper.js', 'mnist.js', 'bars.js']
kBuilds = {'wasm-simd': 'tarn-simd.wasm', 'wasm': 'tarn.wasm'}


def fail(message):
    sys.exit(f'make_page: {message}')


def build_engine(preset, folder, models):
    """A build of `preset` with the ops of `models` (none: all ops); returns the .wasm file."""
    if shutil.which('emcc') is None:
        fail('emcc is not there; on Debian: apt-get install emscripten')
    print(f'make_page: building {folder.name} with {"the ops of " + ", ".join(m.name for m in models) if models else "every op"}',
          file=sys.stderr, flush=True)
    configure = ['cmake', '--preset', preset, '-B', str(folder), '--log-level=WARNING',
                 f'-DTARN_OPS_FROM={";".join(str(m) for m in models)}']
    tool = pathlib.Path(os.environ.get('TARN_BIN_DIR', kRepository / 'build/release/bin')) / 'print_required_ops'
    if models and tool.is_file():  # else it is built for that
        configure.append(f'-DTARN_PRINT_REQUIRED_OPS={tool}')
    for command in (configure, ['cmake', '--build', str(folder), '--target', 'tarn_wasm']):
        done = subprocess.run(command, cwd=kRepository, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            fail(f'{" ".join(command)} failed:\n' + '\n'.join(done.stdout.splitlines()[-40:]))
    return folder / 'bin' / kBuilds[preset]


def engine_files(args, models, name):
    """The two builds' files, built or those of --engine."""
    given = getattr(args, 'engine' if name == 'digits' else 'photo_engine')
    files = []
    for preset, file in kBuilds.items():
        path = pathlib.Path(given) / file if given else build_engine(preset, args.build / f'{preset}-{name}', models)
        if not path.is_file():
            fail(f'{path}: no such file')
        files.append(path)
    return files


def data_url(kind, content):
    return f'data:{kind};base64,{base64.b64encode(content).decode()}'


def in_one_file(out):
    """digits.html: the first tab for those who open it from a disk, where browsers load no modules and fetch nothing.

    A module's imports become the text of the modules themselves, as data: addresses; the files it would fetch lie in
    `tarnFiles`."""
    modules = {}

    def module(name):
        if name not in modules:
            text = (out / name).read_text()
            text = re.sub(r"from '\./([a-z_]+\.js)'", lambda match: f"from '{module(match[1])}'", text)
            modules[name] = data_url('text/javascript', text.encode())
        return modules[name]

    files = ', '.join(f'"{name}": bytes("{base64.b64encode((out / name).read_bytes()).decode()}")'
                      for name in ('tarn-simd.wasm', 'tarn.wasm', 'digits.pb'))
    bring = f'const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));\nglobalThis.tarnFiles = {{{files}}};\n'
    html = (out / 'index.html').read_text()
    html = html.replace('<link rel="stylesheet" href="style.css">', f'<style>\n{(out / "style.css").read_text()}</style>')
    html = html.replace('<script type="module" src="page.js"></script>',
                        f'<script>\n{bring}</script>\n<script type="module" src="{module("page.js")}"></script>')
    html = html.replace('<button role="tab" id="tab-photos"', '<button hidden role="tab" id="tab-photos"')
    (out / 'digits.html').write_text(html)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--digits', type=pathlib.Path, default=kRepository / 'out/weights8.pb', help='the network that reads digits (default out/weights8.pb)')
    parser.add_argument('--photos', type=pathlib.Path, help='a network that labels photos; without one the second tab takes models of the visitor alone')
    parser.add_argument('--out', type=pathlib.Path, default=kRepository / 'out/web', help='the folder to make (default out/web)')
    parser.add_argument('--build', type=pathlib.Path, default=kRepository / 'build/web', help='where the engines are built (default build/web)')
    parser.add_argument('--engine', help='folder with tarn-simd.wasm and tarn.wasm, instead of building them')
    parser.add_argument('--photo_engine', help='the same of the second tab\'s engine')
    parser.add_argument('--photo_ops', metavar='MODEL', nargs='*', type=pathlib.Path,
                        help='the engine of the second tab has the ops of --photos and of these models alone (default every op: visitors bring any)')
    parser.add_argument('--only_digits', action='store_true', help='no second tab: the engine with every op is not built')
    args = parser.parse_args()
    for model in filter(None, (args.digits, args.photos, *(args.photo_ops or []))):
        if not model.is_file():
            fail(f'{model}: no such file' + ('; ./quickstart makes it' if model == args.digits else ''))
    if args.only_digits and (args.photos or args.photo_ops is not None):
        fail('--only_digits leaves out what --photos and --photo_ops are for')
    if args.photo_ops is not None and not args.photos:
        fail('--photo_ops is for the ops of --photos, which is not given')

    args.out.mkdir(parents=True, exist_ok=True)
    for name in kPage:
        shutil.copy(kHere / name, args.out / name)
    for name in ('tarn.js', 'tarn.d.ts'):
        shutil.copy(kRepository / 'runtime/wasm/npm' / name, args.out / name)
    shutil.copy(args.digits, args.out / 'digits.pb')
    kept = [*kPage, 'tarn.js', 'digits.pb']
    for file in engine_files(args, [args.digits.resolve()], 'digits'):
        shutil.copy(file, args.out / file.name)
        kept.append(file.name)
    shutil.rmtree(args.out / 'photos', ignore_errors=True)
    (args.out / 'photos.pb').unlink(missing_ok=True)
    html = (args.out / 'index.html').read_text()
    if args.only_digits:
        html = html.replace('<button role="tab" id="tab-photos"', '<button hidden role="tab" id="tab-photos"')
        (args.out / 'index.html').write_text(html)
    else:
        (args.out / 'photos').mkdir()
        models = [] if args.photo_ops is None else [args.photos.resolve(), *(path.resolve() for path in args.photo_ops)]
        for file in engine_files(args, models, 'all' if args.photo_ops is None else 'photos'):
            shutil.copy(file, args.out / 'photos' / file.name)
        if args.photos:
            shutil.copy(args.photos, args.out / 'photos.pb')
    in_one_file(args.out)

    digest = hashlib.sha256()
    for path in sorted(args.out.rglob('*')):
        if path.is_file() and path.name not in ('service_worker.js', 'digits.html'):
            digest.update(path.read_bytes())
    worker = (kHere / 'service_worker.js').read_text()
    worker = worker.replace("'VERSION'", f"'{digest.hexdigest()[:16]}'").replace("['FILES']", json.dumps(['./', *kept]))
    (args.out / 'service_worker.js').write_text(worker)
    print(f'{args.out}: open it through any web server (python3 -m http.server --directory {args.out}), or {args.out}/digits.html from the disk')


if __name__ == '__main__':
    main()
