/** Where safety is decided; filled in with the ballots. */
export interface FormationRules {
  /** How many of `electorate` must answer. */
  quorum(electorate: number): number;
}
