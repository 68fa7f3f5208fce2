import { expect } from "chai";
import { Vacancy } from "../src/vacancy.ts";

describe("Vacancy", () => {
  it("where there never was one, one is made at once", () => {
    const vacancy = new Vacancy();
    vacancy.saw(false, 5000);
    expect(vacancy.waitMs(5000)).to.equal(0);
  });

  it("after one was deleted there is a minute to apply another, however often one looks", () => {
    const vacancy = new Vacancy();
    vacancy.saw(true, 0);
    vacancy.saw(false, 1000);
    vacancy.saw(false, 31_000);
    expect(vacancy.waitMs(31_000)).to.equal(30_000);
    expect(vacancy.waitMs(61_000)).to.equal(0);
  });

  it("begins anew with the next one", () => {
    const vacancy = new Vacancy();
    vacancy.saw(true, 0);
    vacancy.saw(false, 1000);
    vacancy.saw(true, 2000);
    vacancy.saw(false, 500_000);
    expect(vacancy.waitMs(500_000)).to.equal(60_000);
  });
});
