package measure

// Rounds calls each of the n turns once per round, starting one further each
// round, so that none always follows the same neighbor's wake.
func Rounds(rounds, n int, turn func(round, contender int) error) error {
	for r := range rounds {
		for i := range n {
			if err := turn(r, (r+i)%n); err != nil {
				return err
			}
		}
	}
	return nil
}
