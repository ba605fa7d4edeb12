# Makes what the commands work on, in the folder where it is run: projects of several languages, media, data, a history.
git config --global user.name 'Anna Example'
git config --global user.email anna@example.org
git config --global init.defaultBranch main
git config --global advice.detachedHead false

# data
mkdir -p data/parts www/static tmp
python - <<'P'
import random
random.seed(7)
words = "time year people way day man thing woman life child world school state family student group".split()
with open("data/words.txt", "w") as out:
    for _ in range(120000):
        out.write(" ".join(random.choices(words, k=9)) + "\n")
with open("data/table.csv", "w") as out:
    out.write("id,step,score,price,loss_of_parcel\n")
    for i in range(20000):
        out.write(f"{i},{i % 17},{random.random():.4f},{random.gauss(40, 9):.2f},{random.random() < 0.01:d}\n")
for i in range(40):
    with open(f"data/parts/part-{i:03}.bin", "wb") as out:
        out.write(random.randbytes(300000))
    with open(f"www/static/app-{i}.js", "w") as out:
        out.write("x" * (300 * (i + 1)))
open("www/index.html", "w").write("<h1>hello</h1>\n")
open("www/health", "w").write("ok\n")
with open("data/reads.fa", "w") as fa, open("data/reads.fq", "w") as fq:
    genome = "".join(random.choices("ACGT", k=60000))
    fa.write(">chr1\n" + "\n".join(genome[i : i + 60] for i in range(0, 60000, 60)) + "\n")
    for i in range(8000):
        at = random.randrange(59900)
        fq.write(f"@read{i}\n{genome[at : at + 100]}\n+\n{'I' * 100}\n")
with open("data/protein.fa", "w") as out:
    base = random.choices("ACDEFGHIKLMNPQRSTVWY", k=200)
    for i in range(30):
        out.write(f">seq{i}\n" + "".join(random.choice("ACDEFGHIKLMNPQRSTVWY") if random.random() < 0.2 else c for c in base) + "\n")
with open("data/lp.mod", "w") as out:
    out.write("set I := 1..40; var x{I}, integer, >= 0, <= 9; param c{i in I} := 3 + (i * 37) mod 11 + Uniform01();\n")
    out.write("param a{i in I} := 2 + (i * 53) mod 13 + Uniform01(); maximize z: sum{i in I} c[i] * x[i];\n")
    out.write("s.t. r{k in 1..8}: sum{i in I} ((i * k * 7) mod 10 + a[i]) * x[i] <= 400 + 31 * k; solve; end;\n")
with open("data/random.cnf", "w") as out:
    out.write("p cnf 180 765\n")
    for _ in range(765):
        out.write(" ".join(str(v * random.choice((1, -1))) for v in random.sample(range(1, 181), 3)) + " 0\n")
P

# a history
git init -q history
(
    cd history
    for i in $(seq 60); do
        for f in app model step epoch; do echo "line $i of $f = $((i * 7 % 13)).5" >> "$f-$((i % 5)).txt"; done
        git add -A
        GIT_AUTHOR_DATE="2024-03-01T09:00:00+0100" GIT_COMMITTER_DATE="2024-03-01T09:$((i % 60)):00+0100" \
            git commit -qm "Correct price $((i * 3)).$i of step $i/60 (retries: $((i % 4)))"
    done
)

# C and C++
mkdir -p c/src
for i in $(seq 24); do
    echo "#include <vector>
#include <algorithm>
int f$i(int n) { std::vector<int> v(n); for (int k = 0; k < n; k++) v[k] = (k * $i) % 17; int unused = $i; std::sort(v.begin(), v.end()); return v[n / 2]; }" > "c/src/f$i.cpp"
done
echo '#include <cstdio>
int f1(int); int f2(int); int main(int n, char **) { for (int k = 1; k < 6; k++) std::printf("call %d: %d and %d\n", k, f1(k * 10), f2(k * 10)); return n - 1; }' > c/src/main.cpp
echo 'cmake_minimum_required(VERSION 3.18)
project(steps CXX)
file(GLOB S src/*.cpp)
add_executable(steps ${S})
enable_testing()
foreach(k RANGE 1 8)
  add_test(NAME round_${k} COMMAND steps)
endforeach()' > c/CMakeLists.txt
echo "project('steps', 'cpp', default_options: ['warning_level=3'])
executable('steps', $(cd c && for s in src/*.cpp; do printf "'%s', " "$s"; done))" > c/meson.build
echo 'OBJECTS = $(patsubst %.cpp,%.o,$(wildcard src/*.cpp))
steps: $(OBJECTS) ; g++ -o $@ $^
%.o: %.cpp ; g++ -Wall -O1 -c -o $@ $<
clean: ; rm -fv steps src/*.o' > c/Makefile
echo '#include <stdlib.h>
#include <string.h>
int main(void) { int sum = 0; for (int i = 0; i < 50; i++) { char *p = malloc(64); memset(p, i, 60); sum += p[i]; if (i % 3) free(p); } return sum > 1000000; }' > c/leak.c
gcc -g -O0 -o c/leak c/leak.c

# Python
mkdir -p py/shop py/tests py/docs
for m in cart price step epoch_time lost; do
    echo "\"\"\"The $m.\"\"\"

def total(prices: list[float], rate: float = 0.19) -> float:
    \"\"\"The total of prices.\"\"\"
    result = 0.0
    for price in prices:
        if price < 0:
            raise ValueError('negative')
        result += price * (1 + rate)
    return result" > "py/shop/$m.py"
    echo "import time, unittest, pytest
from shop.$m import total
@pytest.mark.parametrize('step', range(8))
def test_step(step): time.sleep(step / 300); assert total([step]) >= step
def test_loss(): assert total([1.0, 2.5]) == pytest.approx(4.165)
def test_wrong(): print('weight of parcel: 0.25'); assert total([3]) == 3.5
def test_speed(benchmark): benchmark(total, [1.0] * 50)
@pytest.mark.skip(reason='step 3/10 is not there')
def test_skipped(): pass
class Totals(unittest.TestCase):
    def test_zero(self): self.assertEqual(total([]), 0)
    def test_negative(self): self.assertRaises(ValueError, total, [-1])" > "py/tests/test_$m.py"
    printf '%s\n=====\n\n.. automodule:: shop.%s\n   :members:\n' "$m" "$m" > "py/docs/$m.rst"
    printf '# %s\n\nSee [it](%s.md) and [another](missing.md).\n' "$m" "$m" > "py/docs/$m.md"
done
touch py/shop/__init__.py
printf "import os, sys\nsys.path.insert(0, os.path.abspath('..'))\nproject = 'shop'\nextensions = ['sphinx.ext.autodoc']\n" > py/docs/conf.py
printf 'Shop\n====\n\n.. toctree::\n   :glob:\n\n   *\n' > py/docs/index.rst
printf 'site_name: shop\ndocs_dir: docs\n' > py/mkdocs.yml
printf '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n[project]\nname = "shop"\nversion = "1.2.3"\n[tool.setuptools]\npackages = ["shop"]\n[tool.pytest.ini_options]\npythonpath = ["."]\n' > py/pyproject.toml
printf '[tox]\nenvlist = one,two\nskipsdist = true\n[testenv]\nskip_install = true\ncommands = python -m unittest discover -v -s tests -p none*.py\n' > py/tox.ini
python - <<'P'
import json
cells = [{"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": [], "source": f"print('step {i}', {i} / 7)"} for i in range(6)]
json.dump({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}, open("py/six.ipynb", "w"))
P

# JavaScript
mkdir -p js/src js/test
for i in $(seq 12); do
    echo "export function f$i(n) { let loss = n * $i; var unused = 1; if (loss == 3) { return 'step $i' } return loss }" > "js/src/f$i.js"
    echo "export const g$i = (n: number): number => n * $i;" > "js/src/g$i.ts"
done
(for i in $(seq 12); do echo "import { f$i } from './f$i.js'"; done; echo 'for (const f of [f1, f2, f3, f4]) console.log("step " + f(1), f(2))') > js/src/index.js
echo '<script type="module" src="./src/index.js"></script>' > js/index.html
echo '{"name": "steps", "version": "1.0.0", "type": "module", "dependencies": {"express": "^4.18.0", "chalk": "^5.0.0"}}' > js/package.json
echo '{"compilerOptions": {"target": "es2020", "module": "esnext", "moduleResolution": "bundler", "outDir": "out", "strict": true, "types": []}, "include": ["src/*.ts"]}' > js/tsconfig.json
echo 'export default [{ rules: { "no-unused-vars": "warn", eqeqeq: "error", "no-var": "error" } }]' > js/eslint.config.js
echo "import { test, describe } from 'node:test'
import assert from 'node:assert'
import { f3 } from '../src/f3.js'
describe('steps', () => { for (let i = 0; i < 9; i++) test('step ' + i, async () => { await new Promise(r => setTimeout(r, i * 3)); assert.equal(f3(i + 2), 3 * i + 6) }) })
test('loss', () => assert.equal(f3(2), 5))" > js/test/steps.node.js
for runner in mocha vitest jest; do
    case $runner in vitest) head="import { describe, it, expect } from 'vitest'" ;; *) head="" ;; esac
    ext=js; [ $runner = jest ] && ext=cjs; [ $runner = vitest ] && ext=test.js
    echo "$head
describe('steps', () => { for (let i = 0; i < 9; i++) it('step ' + i + '/9', async () => { await new Promise(r => setTimeout(r, 20 + i * 9)); if (i === 4) throw new Error('waited 0.25 s') }) })" > "js/test/steps.$runner.$ext"
done

# Rust, Go, Java
mkdir -p rust/src go java
printf '[package]\nname = "steps"\nversion = "0.1.0"\nedition = "2021"\n' > rust/Cargo.toml
echo 'pub fn f(n: u32) -> u32 { let unused = 3; n * 2 }
fn main() { for k in 1..6 { println!("step {}: doubled {}", k, f(k)); } }
#[cfg(test)] mod tests { use super::*;
#[test] fn doubles() { assert_eq!(f(2), 4); } #[test] fn loss() { assert_eq!(f(2), 5, "waited {} s", 0.5); } #[test] #[ignore] fn slow() {} }' > rust/src/main.rs
printf 'module example.org/steps\n\ngo 1.19\n' > go/go.mod
echo 'package steps
func F(n int) int { s := 0; for i := 0; i < n; i++ { s += i * n }; return s }' > go/steps.go
echo 'package steps
import ("testing"; "fmt"; "time")
func TestSteps(t *testing.T) { for i := 0; i < 6; i++ { t.Run(fmt.Sprintf("step_%d", i), func(t *testing.T) { time.Sleep(20 * time.Millisecond); t.Logf("step %d: took %d", i, F(i)) }) } }
func TestLoss(t *testing.T) { t.Errorf("waited: %v", 0.25) }
func BenchmarkF10(b *testing.B) { for i := 0; i < b.N; i++ { F(10) } }
func BenchmarkF1000(b *testing.B) { b.ReportAllocs(); for i := 0; i < b.N; i++ { F(1000) } }' > go/steps_test.go
echo 'import java.util.*;
public class Steps { static List raw = new ArrayList();
  public static void main(String[] a) { for (int k = 0; k < 300; k++) { byte[] b = new byte[1000000]; raw.add(b.length); } System.out.println("sum=" + raw.size()); } }' > java/Steps.java
