"""Tasks of luigi that wait for one another."""

import luigi


class Step(luigi.Task):
    number = luigi.IntParameter()

    def requires(self) -> list:
        return [Step(self.number - 1)] if self.number else []

    def output(self) -> luigi.LocalTarget:
        return luigi.LocalTarget(f"../tmp/luigi-{self.number}")

    def run(self) -> None:
        print(f"step {self.number}/6 took {self.number / 7:.3f} s")
        with self.output().open("w") as out:
            out.write("done")


class Last(luigi.WrapperTask):
    def requires(self) -> list:
        return [Step(6)]
